import CloudstateModel
import ClusterControl
import ShardReplication

/// A coordinator at work: carries out what its ``CoordinatorMachine`` asks for (`Coordinator`).
final class CoordinatorRun {
  /// An answer to a node, or why there is none.
  typealias Reply<Answer> = (Result<Answer, SimBusFailure>) -> Void

  private unowned let cluster: SimCluster
  let process: SimProcess
  private let store: any RecordStore
  private(set) var machine: CoordinatorMachine
  private var deliveries: [NodeID: ViewDelivery] = [:]
  private var registrations: [UInt64: Reply<RegistrationAnswer>] = [:]
  private var lastTicket: UInt64 = 0
  private var published: ClusterView?
  /// It serves nobody any more.
  private(set) var isSilent = false
  /// Told once, when a write was refused and the coordinator has fallen silent.
  var onFailure: () -> Void = {}

  /// - Parameters:
  ///   - stored: what the store holds.
  ///   - identity: to take if that is nothing.
  init(
    _ process: SimProcess, in cluster: SimCluster, store: any RecordStore,
    stored: CoordinatorRecord?, identity: String
  ) {
    self.cluster = cluster
    self.process = process
    self.store = store
    machine = CoordinatorMachine(
      configuration: cluster.settings.coordinator, stored: stored, freshIdentity: identity)
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
      guard !isSilent else { return }
      perform(machine.tick(at: now))
      tickRegularly()
    }
  }

  /// Stops all activity and refuses who waits.
  func fallSilent() {
    guard !isSilent else { return }
    isSilent = true
    let waiting = registrations.sorted { $0.key < $1.key }
    registrations = [:]
    for (_, answer) in waiting { answer(.failure(.refused)) }
  }

  // MARK: Requests

  func register(_ registration: Registration, answer: @escaping Reply<RegistrationAnswer>) {
    lastTicket += 1
    registrations[lastTicket] = answer
    perform(machine.register(registration, ticket: lastTicket, at: now))
  }

  func heartbeat(_ report: HeartbeatReport, answer: @escaping Reply<HeartbeatAnswer>) {
    let (word, directives) = machine.heartbeat(report, at: now)
    if let view = word.view { cluster.world.monitor.published(view) }
    answer(.success(word))
    perform(directives)
  }

  func report(_ report: ShardsReport, answer: @escaping Reply<ShardsReportAnswer>) {
    let (word, directives) = machine.shardsReported(report, at: now)
    answer(.success(word))
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
    guard !isSilent else { return }
    for directive in directives {
      switch directive {
      case .persist(let record): persist(record)
      case .link: break
      case .unlink(let node): deliveries[node] = nil
      case .answer(let ticket, let answer):
        if case .accepted(let view, _, _) = answer { cluster.world.monitor.published(view) }
        registrations.removeValue(forKey: ticket)?(.success(answer))
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
    store.save(record) { [self] isKept in
      if isKept { perform(machine.persisted(version: record.version)) } else { fail() }
    }
  }

  private func fail() {
    guard !isSilent else { return }
    process.note("falls silent: its write was refused")
    fallSilent()
    onFailure()
  }

  // MARK: Views

  private func publish(_ view: ClusterView) {
    if let published, published.version >= view.version { return }
    published = view
    cluster.world.monitor.published(view)
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
    guard !isSilent else { return }
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
    guard !isSilent, let peer = cluster.node(node) else { return }
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
