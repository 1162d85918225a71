import CommandLineKit
import SettingsReading

/// Carries out what is asked on the control socket.
extension SupervisionLoop {
  /// - Parameter reply: takes the one answer, now or later.
  func carryOut(_ request: ControlRequest, _ reply: @escaping (ControlAnswer) -> Void) {
    do throws(ProgramError) {
      switch request.verb {
      case .scale: try scale(request, reply)
      case .nodes: reply(try countNodes(request))
      case .partition, .heal: reply(try changeLinks(request))
      case .kill: reply(try give(.kill(keepsDown: request.keepsDown == true), request))
      case .pause: reply(try give(.pause, request))
      case .resume: reply(try give(.resume, request))
      case .restart: reply(try give(.restart, request))
      case .start: reply(try give(.start, request))
      }
    } catch {
      reply(ControlAnswer(error))
    }
  }

  private func give(
    _ order: Order, _ request: ControlRequest
  ) throws(ProgramError) -> ControlAnswer {
    let index = try index(of: request.name, verb: request.verb)
    let name = slots[index].plan.name
    if let refusal = supervisor.refusal(of: order, for: index) {
      throw ProgramError(
        "\(name) \(refusal)", hint: "cs-up ps --data \(run.layout.data)", status: .conflict)
    }
    say("\(request.verb.rawValue) \(name), as asked")
    handle(.order(index, order))
    let done =
      switch order {
      case .kill(keepsDown: false): "was killed; it is started again as after a crash"
      case .kill(keepsDown: true): "was killed and stays down"
      case .pause: "is paused"
      case .resume: "goes on"
      case .restart: "stops and is started again"
      case .start: "is started"
      case .retire: "stops for good"
      }
    return ControlAnswer("\(name) \(done)")
  }

  private func changeLinks(_ request: ControlRequest) throws(ProgramError) -> ControlAnswer {
    guard let relay else {
      throw ProgramError(
        "\(run.topology.name) cannot be partitioned: its bus does not go through cs-up",
        hint: "write chaos: true into \(run.topology.file) and start it again", status: .conflict)
    }
    if request.verb == .heal, request.name == nil {
      relay.heal(nil, peers: nil, drops: request.drops == true)
      say("healed all links, as asked")
      return ControlAnswer("all links are healed")
    }
    let member = try member(request.name, verb: request.verb)
    var peers: [String]?
    if let names = request.peers {
      var found: [String] = []
      for name in names {
        let peer = try self.member(name, verb: request.verb)
        guard peer != member else {
          throw ProgramError("\(member) has no link to itself", status: .usage)
        }
        found.append(peer)
      }
      peers = found
    }
    let others = peers?.joined(separator: ", ") ?? "everybody"
    if request.verb == .heal {
      relay.heal(member, peers: peers, drops: request.drops == true)
      say("healed the links between \(member) and \(others), as asked")
      return ControlAnswer("the links between \(member) and \(others) are healed")
    }
    let direction = request.direction ?? .both
    relay.cut(member, direction, peers: peers)
    let what =
      switch direction {
      case .both: "\(member) is cut off from \(others)"
      case .incoming: "\(member) hears nothing from \(others)"
      case .outgoing: "nothing from \(member) reaches \(others)"
      }
    say("\(what), as asked")
    return ControlAnswer(what)
  }

  /// The index of a process by its name, or by `NODE/function`.
  private func index(
    of name: String?, verb: ControlRequest.Verb
  ) throws(ProgramError) -> Int {
    guard let name else {
      throw ProgramError("\(verb.rawValue) needs the name of a process", status: .usage)
    }
    let wanted =
      name.hasSuffix("/function") ? "\(name.dropLast("/function".count))-function" : name
    let living = slots.indices.filter { supervisor.states[$0] != .retired }
    if let index = living.first(where: { slots[$0].plan.name == wanted }) { return index }
    let names = living.map { slots[$0].plan.name }
    throw ProgramError(
      "there is no process '\(name)'; there are \(names.joined(separator: ", "))",
      hint: nearest(to: wanted, among: names).map { "cs-up \(verb.rawValue) \($0)" },
      status: .notFound)
  }

  /// The name of a member of the bus.
  private func member(
    _ name: String?, verb: ControlRequest.Verb
  ) throws(ProgramError) -> String {
    let plan = slots[try index(of: name, verb: verb)].plan
    guard plan.role != .function else {
      throw ProgramError(
        "\(plan.name) is not on the bus; nodes and the coordinator are", status: .usage)
    }
    return plan.name
  }
}
