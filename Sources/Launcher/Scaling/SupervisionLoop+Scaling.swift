import CommandLineKit
import SettingsReading

/// Carries out what a ``Scaling`` decides.
extension SupervisionLoop {
  /// The wait when the request names none. Moves of many shards take minutes.
  static let scalingTime = Duration.seconds(600)
  /// The longest wait that a request may name, in seconds.
  private static let longestWait = 86_400.0

  func scale(
    _ request: ControlRequest, _ reply: @escaping (ControlAnswer) -> Void
  ) throws(ProgramError) {
    guard let count = request.nodes, (1...Topology.maximumNodes).contains(count) else {
      throw ProgramError(
        "scale needs a service and a number of nodes, 1 to \(Topology.maximumNodes)", status: .usage
      )
    }
    let limit = request.timeout.map { Duration.seconds(min(max($0, 0), Self.longestWait)) }
    let (service, current) = try known(request)
    guard supervisor.hasLaunched, !supervisor.isStopping else {
      throw ProgramError(
        "the topology is \(supervisor.isStopping ? "stopping" : "still starting")",
        status: .conflict)
    }
    let waits = request.waits != false
    if let scaling {
      if !waits, scaling.machine.service == service, wantedNodes(of: service) == count {
        reply(ControlAnswer("\(service) is on its way to \(count) nodes", nodes: count))
        return
      }
      throw ProgramError(
        "\(scaling.machine.service) is just being scaled", hint: "try again when that is done",
        status: .conflict)
    }
    let numbers = count > current ? Array(current + 1...count) : Array(count + 1..<current + 1)
    let names = numbers.map { Topology.nodeName(service: service, number: $0) }
    let adds = count > current
    if !adds, let node = names.first(where: undraining.contains) {
      // Two requests about one node could overtake each other.
      throw ProgramError(
        "the coordinator has not taken in yet that \(node) stays",
        hint: "try again when it answers",
        status: .conflict)
    }
    if adds {
      let plans = try run.grow(service, to: count, firstIndex: supervisor.processes.count)
      try add(plans)
      run.hasGrown(service, to: count)
    }
    scaling = ScalingJob(
      machine: Scaling(
        service: service, nodes: adds ? names : names.reversed(), adds: adds,
        deadline: now + (limit ?? Self.scalingTime)), reply: waits ? reply : { _ in })
    if !waits {
      reply(ControlAnswer("\(service) is on its way to \(count) nodes", nodes: count))
    }
    say("scaling \(service) from \(current) to \(count) nodes, as asked")
    act(scaling?.machine.begin(at: now) ?? [])
  }

  func countNodes(_ request: ControlRequest) throws(ProgramError) -> ControlAnswer {
    let (service, _) = try known(request)
    let wanted = wantedNodes(of: service)
    let ready = slots.indices.filter {
      slots[$0].plan.role == .node && slots[$0].plan.service == service
        && supervisor.states[$0].isReady
    }
    return ControlAnswer(
      "\(service) has \(ready.count) ready nodes; \(wanted) are wanted", nodes: wanted,
      ready: ready.count)
  }

  /// The service of a request and how many nodes it has.
  private func known(
    _ request: ControlRequest
  ) throws(ProgramError) -> (service: String, nodes: Int) {
    guard let service = request.service else {
      throw ProgramError("\(request.verb.rawValue) needs a service", status: .usage)
    }
    if let nodes = run.nodes(of: service) { return (service, nodes) }
    let names = run.topology.services.map(\.name)
    let count = request.nodes.map { "=\($0)" } ?? ""
    throw ProgramError(
      "there is no service '\(service)'; there are \(names.joined(separator: ", "))",
      hint: nearest(to: service, among: names).map { "cs-up scale \($0)\(count)" },
      status: .notFound)
  }

  /// How many nodes a service is to have when what is under way is done.
  private func wantedNodes(of service: String) -> Int {
    let leaving = scaling?.machine.service == service ? scaling?.machine.remaining.count ?? 0 : 0
    return (run.nodes(of: service) ?? 0) - leaving
  }

  /// Tells the change of a number of nodes what has become of its processes. Called after every wait.
  func advanceScaling() {
    guard let machine = scaling?.machine else { return }
    if supervisor.isStopping {
      scaling?.reply(
        ControlAnswer(
          ProgramError("the topology is stopping", status: .conflict),
          nodes: run.nodes(of: machine.service)))
      scaling = nil
      let drained = machine.nodes.filter(drainNotes.names.contains)
      if !drained.isEmpty {
        say("\(drained.joined(separator: ", ")) may be drained: the next start takes that back")
      }
      return
    }
    if machine.adds {
      let ready = slots.indices.filter {
        machine.nodes.contains(slots[$0].plan.name) && supervisor.states[$0].isReady
      }
      tell(.ready(ready.count))
    } else {
      for node in machine.remaining { advanceEnd(of: node, service: machine.service) }
    }
    tell(.tick)
  }

  /// A node that has ended is followed by its function, and then it is gone.
  private func advanceEnd(of node: String, service: String) {
    let own = slots.indices.filter {
      slots[$0].plan.name == node || slots[$0].plan.name == "\(node)-function"
    }
    guard
      let index = own.first(where: { slots[$0].plan.role == .node }),
      supervisor.states[index] == .retired
    else { return }
    for function in own where slots[function].plan.role == .function {
      guard supervisor.states[function] == .retired else {
        handle(.order(function, .retire))
        return
      }
    }
    relay?.remove(node)
    run.shrink(service, node: node)
    forgetDrain(of: node)
    say("\(node) has no shards left and has stopped; its data is put aside in drained/\(node)")
    tell(.retired(node))
  }

  private func tell(_ event: Scaling.Event) {
    guard scaling != nil else { return }
    let before = scaling?.activity
    let actions = scaling?.machine.handle(event, at: now) ?? []
    if let activity = scaling?.activity, activity != before { say(activity) }
    act(actions)
  }

  private func act(_ actions: [Scaling.Action]) {
    for action in actions {
      switch action {
      case .drain(let node): drain(node)
      case .undrain(let node): undrain(node)
      case .remember(let nodes):
        do throws(ProgramError) {
          try rememberDrains(of: nodes)
          tell(.remembered)
        } catch {
          tell(.notRemembered(error.message))
        }
      case .askForShards: askForShards()
      case .retire(let node):
        if let index = slots.indices.first(where: { slots[$0].plan.name == node }) {
          handle(.order(index, .retire))
        }
      case .finish(let result): finish(result)
      }
    }
  }

  private func drain(_ node: String) {
    post("/drain/\(node)") { [weak self] outcome in
      switch outcome {
      case .answer(let answer) where (200..<300).contains(answer.status):
        self?.tell(.drainAccepted(node))
      case .answer(let answer) where answer.status < 500:
        self?.tell(.drainRefused(node, reason: NodeShards.reason(answer)))
      case .answer(let answer): self?.tell(.coordinatorSilent("HTTP status \(answer.status)"))
      case .failed(let reason): self?.tell(.coordinatorSilent(reason))
      }
    }
  }

  func post(_ path: String, onEnd: @escaping (AdminExchange.Outcome) -> Void) {
    do throws(ProgramError) {
      try run.admin.send("POST", path, at: now, onEnd: onEnd)
    } catch {
      onEnd(.failed(error.message))
    }
  }

  private func askForShards() {
    do throws(ProgramError) {
      try run.admin.send("GET", "/nodes", at: now) { [weak self] outcome in
        switch outcome {
        case .failed(let reason): self?.tell(.coordinatorSilent(reason))
        case .answer(let answer):
          guard answer.status == 200 else {
            self?.tell(.coordinatorSilent("HTTP status \(answer.status)"))
            return
          }
          do throws(ProgramError) {
            let shards = try NodeShards(body: answer.body)
            self?.tell(.shards(shards.counts, drained: shards.drained))
          } catch {
            self?.tell(.coordinatorSilent(error.message))
          }
        }
      }
    } catch {
      tell(.coordinatorSilent(error.message))
    }
  }

  private func finish(_ result: Scaling.Result) {
    guard let job = scaling else { return }
    scaling = nil
    let service = job.machine.service
    let nodes = run.nodes(of: service) ?? 0
    let wanted = nodes - job.machine.remaining.count
    let answer = result.answer(
      service: service, nodes: nodes, again: "cs-up scale \(service)=\(wanted)")
    // One that was refused is not drained, and nobody has to undrain it.
    if case .refused(let node, _) = result, !undraining.contains(node) { forgetDrain(of: node) }
    say(answer.message)
    job.reply(answer)
  }
}
