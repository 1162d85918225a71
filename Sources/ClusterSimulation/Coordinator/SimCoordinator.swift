import CloudstateModel
import ClusterControl
import ShardReplication

/// The coordinator: its record on a disk, and its process, which comes and goes.
final class SimCoordinator {
  static let usualSync: ClosedRange<UInt64> = Span.millisecond...10 * Span.millisecond

  let process: SimProcess
  unowned let cluster: SimCluster
  /// What a restart finds.
  var stored: CoordinatorRecord?
  private(set) var run: CoordinatorRun?
  var sync = usualSync

  init(in cluster: SimCluster) {
    self.cluster = cluster
    process = SimProcess(
      "coordinator", in: cluster.world, maximumDriftPPM: cluster.settings.maximumDriftPPM)
  }

  func start() {
    guard !process.isAlive else { return }
    process.start()
    process.note("starts with plan \(stored?.plan.number ?? 0)")
    let run = CoordinatorRun(self)
    self.run = run
    run.begin()
  }

  func crash() {
    guard process.isAlive else { return }
    process.note("crashes")
    process.die()
    run = nil
  }

  // MARK: Requests of nodes

  func register(_ registration: Registration, answer: @escaping (RegistrationAnswer) -> Void) {
    run?.register(registration, answer: answer)
  }

  func heartbeat(_ report: HeartbeatReport, answer: @escaping (HeartbeatAnswer) -> Void) {
    run?.heartbeat(report, answer: answer)
  }

  func report(_ report: ShardsReport, answer: @escaping (ShardsReportAnswer) -> Void) {
    run?.report(report, answer: answer)
  }
}

/// One life of the coordinator's process: carries out what its ``CoordinatorMachine`` asks for (`Coordinator`).
final class CoordinatorRun {
  private unowned let owner: SimCoordinator
  private unowned let cluster: SimCluster
  private let process: SimProcess
  private(set) var machine: CoordinatorMachine
  private var deliveries: [NodeID: ViewDelivery] = [:]
  private var registrations: [UInt64: (RegistrationAnswer) -> Void] = [:]
  private var lastTicket: UInt64 = 0
  private var published: ClusterView?

  init(_ owner: SimCoordinator) {
    self.owner = owner
    cluster = owner.cluster
    process = owner.process
    machine = CoordinatorMachine(
      configuration: owner.cluster.settings.coordinator, stored: owner.stored,
      freshIdentity: "simulated")
  }

  private var now: Moment {
    Moment(
      uptime: process.uptime,
      wall: Timestamp(unixMilliseconds: Int64(clamping: process.now / Span.millisecond)))
  }

  func begin() {
    perform(machine.start(at: now))
    tickRegularly()
  }

  private func tickRegularly() {
    process.afterOwn(machine.configuration.tickInterval.asNanoseconds) { [self] in
      perform(machine.tick(at: now))
      tickRegularly()
    }
  }

  // MARK: Requests

  func register(_ registration: Registration, answer: @escaping (RegistrationAnswer) -> Void) {
    lastTicket += 1
    registrations[lastTicket] = answer
    perform(machine.register(registration, ticket: lastTicket, at: now))
  }

  func heartbeat(_ report: HeartbeatReport, answer: @escaping (HeartbeatAnswer) -> Void) {
    let (word, directives) = machine.heartbeat(report, at: now)
    answer(word)
    perform(directives)
  }

  func report(_ report: ShardsReport, answer: @escaping (ShardsReportAnswer) -> Void) {
    let (word, directives) = machine.shardsReported(report, at: now)
    answer(word)
    perform(directives)
  }

  /// An operator's wish.
  func operate(_ request: OperatorRequest) {
    lastTicket += 1
    perform(machine.operate(request, ticket: lastTicket, at: now))
  }

  func rebalance(_ steps: [RebalanceStep], reason: String) {
    perform(machine.startRebalance(steps, reason: reason, at: now))
  }

  // MARK: Directives

  private func perform(_ directives: [CoordinatorMachine.Directive]) {
    for directive in directives {
      switch directive {
      case .persist(let record): persist(record)
      case .link: break
      case .unlink(let node): deliveries[node] = nil
      case .answer(let ticket, let answer):
        registrations.removeValue(forKey: ticket)?(answer)
      case .operated(_, let answer): process.note("operator: \(answer)")
      case .probe(let node, let pause): probe(node, after: pause)
      case .publish(let view): publish(view)
      case .report(let line): process.note(line)
      // Nothing is scaled here.
      case .decided, .scale, .recordScaling: break
      }
    }
  }

  private func persist(_ record: CoordinatorRecord) {
    if cluster.settings.plant == .publishBeforePersist { publish(record.view) }
    let span = cluster.world.random.span(owner.sync)
    // The record is on the disk a little before the process hears of it.
    process.after(span) { [self] in
      owner.stored = record
      process.after(cluster.world.random.span(1_000...500_000)) { [self] in
        perform(machine.persisted(version: record.version))
      }
    }
  }

  // MARK: Views

  private func publish(_ view: ClusterView) {
    if let published, published.version >= view.version { return }
    published = view
    for assignment in view.plan.shards {
      cluster.world.note("plan \(view.plan.number)", assignment.text)
    }
    for move in view.plan.moves {
      cluster.world.note(
        "plan \(view.plan.number)",
        "\(move.shard.index) moves \(move.source) -> \(move.target): \(move.phase)")
    }
    for member in view.members {
      if member.liveness == .alive {
        let fresh = ViewDelivery(configuration: machine.configuration)
        act(
          deliveries[member.node, default: fresh].offer(version: view.version), for: member.node)
      } else {
        deliveries[member.node]?.withdraw()
      }
    }
  }

  private func act(_ action: ViewDelivery.Action?, for node: NodeID) {
    switch action {
    case nil, .giveUp: break
    case .send(let version): deliver(version, to: node)
    case .retry(let delay, let version):
      process.afterOwn(delay.asNanoseconds) { [self] in
        act(deliveries[node]?.retryDue(version: version), for: node)
      }
    }
  }

  private func deliver(_ version: UInt64, to node: NodeID) {
    guard let view = published, let peer = cluster.node(node) else { return }
    cluster.network.request(
      "view \(version)", from: process, to: peer.process,
      timeout: machine.configuration.publicationTimeout.asNanoseconds
    ) { answer in
      guard let other = peer.run else { return answer(.failure(.refused)) }
      other.membership.receive(view) { answer($0 ? .success(()) : .failure(.refused)) }
    } completion: { [self] (result: Result<Void, SimBusFailure>) in
      var isAcknowledged = false
      if case .success = result { isAcknowledged = true }
      machine.linkUsed(to: node, CoordinatorMachine.ProbeOutcome(result))
      act(
        deliveries[node]?.completed(version: version, isAcknowledged: isAcknowledged), for: node)
    }
  }

  private func probe(_ node: NodeID, after pause: Duration) {
    guard pause == .zero else {
      process.afterOwn(pause.asNanoseconds) { [self] in probe(node, after: .zero) }
      return
    }
    guard let peer = cluster.node(node) else { return }
    cluster.network.request(
      "probe", from: process, to: peer.process,
      timeout: machine.configuration.probeTimeout.asNanoseconds
    ) { answer in
      answer(.success(()))
    } completion: { [self] (result: Result<Void, SimBusFailure>) in
      perform(machine.probeEnded(CoordinatorMachine.ProbeOutcome(result), of: node, at: now))
    }
  }
}

extension CoordinatorMachine.ProbeOutcome {
  /// What a request to a node tells of its process.
  fileprivate init(_ result: Result<Void, SimBusFailure>) {
    switch result {
    case .success, .failure(.refused): self = .answered
    case .failure(.unreachable): self = .unreachable
    case .failure(.timeout): self = .unknown
    }
  }
}
