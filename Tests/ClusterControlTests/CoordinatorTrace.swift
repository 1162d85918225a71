import CloudstateModel
import Testing

@testable import ClusterControl

/// Drives a machine whose store confirms at once, unless held.
struct CoordinatorTrace {
  var machine: CoordinatorMachine
  var answers: [UInt64: RegistrationAnswer] = [:]
  var published: [ClusterView] = []
  var reports: [String] = []
  var operated: [UInt64: OperatorAnswer] = [:]
  var probes: [Probe] = []
  var decisions: [ScaleDecision] = []
  /// What scalers are asked for.
  var scaleRequests: [ScaleRequest] = []
  var scaled: [Int] { scaleRequests.map(\.scale) }
  var recorded: [AutoscalerRecord] = []
  /// Names of all directives but reports, in order.
  var log: [String] = []
  var stored: [CoordinatorRecord] = []
  var isDiskHeld = false
  private var held: [CoordinatorRecord] = []
  private var lastTicket: UInt64 = 0

  struct Probe: Hashable {
    var node: NodeID
    var pause: Duration
  }

  init(
    _ configuration: CoordinatorConfiguration, stored: CoordinatorRecord? = nil,
    at now: Moment = at(0)
  ) {
    machine = CoordinatorMachine(
      configuration: configuration, stored: stored, freshIdentity: "fresh")
    perform(machine.start(at: now))
    log = []
  }

  mutating func register(_ registration: Registration, at now: Moment) -> RegistrationAnswer? {
    lastTicket += 1
    perform(machine.register(registration, ticket: lastTicket, at: now))
    return answers[lastTicket]
  }

  mutating func heartbeat(
    _ name: String, incarnation: UInt64 = 1, plan: UInt64 = 0, view: UInt64 = 0,
    sample: NodeSample? = nil, at now: Moment
  ) throws -> HeartbeatAnswer {
    let (answer, directives) = machine.heartbeat(
      HeartbeatReport(
        node: try node(name), incarnation: incarnation, planNumber: plan, viewVersion: view,
        sample: sample),
      at: now)
    perform(directives)
    return answer
  }

  /// A node's reports of its shards; answers whether it has to register again.
  mutating func report(
    _ name: String, incarnation: UInt64 = 1, _ shards: [ShardReport], at now: Moment
  ) throws -> Bool {
    let message = ShardsReport(node: try node(name), incarnation: incarnation, shards: shards)
    let (answer, directives) = machine.shardsReported(message, at: now)
    perform(directives)
    return answer.registerAgain
  }

  mutating func operate(_ request: OperatorRequest, at now: Moment) -> OperatorAnswer? {
    lastTicket += 1
    perform(machine.operate(request, ticket: lastTicket, at: now))
    return operated[lastTicket]
  }

  mutating func rebalance(_ steps: [RebalanceStep], at now: Moment) {
    perform(machine.startRebalance(steps, reason: "a test", at: now))
  }

  mutating func probeEnded(
    _ outcome: CoordinatorMachine.ProbeOutcome, _ name: String, at now: Moment
  ) throws {
    perform(machine.probeEnded(outcome, of: try node(name), at: now))
  }

  mutating func autoscale(_ deployment: DeploymentScale?, at now: Moment) throws {
    perform(machine.autoscale(try service(), deployment: deployment, at: now))
  }

  mutating func tick(at now: Moment) { perform(machine.tick(at: now)) }

  mutating func releaseDisk() {
    isDiskHeld = false
    let records = held
    held = []
    for record in records { confirm(record) }
  }

  private mutating func confirm(_ record: CoordinatorRecord) {
    stored.append(record)
    perform(machine.persisted(version: record.version))
  }

  private mutating func perform(_ directives: [CoordinatorMachine.Directive]) {
    for directive in directives {
      switch directive {
      case .persist(let record):
        log.append("persist \(record.version)")
        if isDiskHeld { held.append(record) } else { confirm(record) }
      case .link(let member): log.append("link \(member.node)#\(member.incarnation)")
      case .unlink(let node): log.append("unlink \(node)")
      case .answer(let ticket, let answer):
        if case .accepted = answer { log.append("accept") } else { log.append("refuse") }
        answers[ticket] = answer
      case .publish(let view):
        log.append("publish \(view.version)")
        published.append(view)
      case .report(let line): reports.append(line)
      case .decided(let decision): decisions.append(decision)
      case .scale(let request): scaleRequests.append(request)
      case .recordScaling(_, let records): recorded += records
      case .operated(let ticket, let answer): operated[ticket] = answer
      case .probe(let node, let pause): probes.append(Probe(node: node, pause: pause))
      }
    }
  }

  func refusal(_ answer: RegistrationAnswer?) -> String? {
    if case .refused(let reason) = answer { reason } else { nil }
  }

  func view(_ answer: RegistrationAnswer?) -> ClusterView? {
    if case .accepted(let view, _, _) = answer { view } else { nil }
  }

  func liveness(_ name: String) -> Liveness? {
    published.last?.members.first { $0.node.text == name }?.liveness
  }
}

/// Heartbeats of one second and a liveness timeout of five.
func slow(settleTime: Duration = .seconds(2)) -> CoordinatorConfiguration {
  CoordinatorConfiguration(
    heartbeatInterval: .seconds(1), livenessTimeout: .seconds(5), settleTime: settleTime)
}

func expecting(_ count: Int) throws -> CoordinatorConfiguration {
  var configuration = slow()
  configuration.expectedNodes = [try service(): count]
  return configuration
}
