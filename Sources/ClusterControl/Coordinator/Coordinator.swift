package import CloudstateModel
import CloudstateProtocol
package import Logging
package import MessageBus
import NIOCore

/// A running coordinator: the shell around ``CoordinatorMachine`` and ``ViewDelivery``.
///
/// It decides on a thread of its own; the store is written on another, so a slow disk delays
/// changes but no heartbeat. Nothing is published or answered before it is on the disk. If the
/// store fails the coordinator falls silent and says so once: nodes go on with the last plan.
package final class Coordinator: Sendable {
  let bus: any MessageBus
  let store: any CoordinatorStore
  let configuration: CoordinatorConfiguration
  let logger: Logger
  private let onFailure: @Sendable (ClusterError) -> Void
  let loop: ControlLoop
  /// Everything that changes, on the loop only.
  let state: NIOLoopBoundBox<State>

  struct State {
    var machine: CoordinatorMachine
    var deliveries: [NodeID: ViewDelivery] = [:]
    /// Registrations whose answer is due; the machine bounds their number.
    var requests: [UInt64: BusRequest] = [:]
    /// Operators whose answer is due; the machine bounds their number.
    var operators: [UInt64: @Sendable (Result<OperatorAnswer, ClusterError>) -> Void] = [:]
    /// Operators who have asked for the history; the first one's answer is being read.
    var history: [HistoryTurn] = []
    var lastTicket: UInt64 = 0
    /// The newest durable view, encoded once for all nodes.
    var published: ByteBuffer?
    var subscriptions: [Subscription] = []
    var ticks: RepeatedTask?
    var scaling: [ServiceName: ScalingDesk] = [:]
    var isSilent = false
  }

  private init(
    bus: any MessageBus, store: any CoordinatorStore, machine: CoordinatorMachine,
    logger: Logger, loop: ControlLoop, onFailure: @escaping @Sendable (ClusterError) -> Void
  ) {
    self.bus = bus
    self.store = store
    configuration = machine.configuration
    self.logger = logger
    self.loop = loop
    self.onFailure = onFailure
    state = .makeBoxSendingValue(State(machine: machine), eventLoop: loop.eventLoop)
  }

  /// Recovers from the store and begins to serve on the bus.
  ///
  /// - Parameters:
  ///   - bus: must have the node name ``CloudstateModel/NodeID/coordinator``, and must outlive the
  ///     coordinator.
  ///   - store: the coordinator's own from now on; ``stop()`` closes it.
  ///   - onFailure: called at most once, on the coordinator's thread, when the store failed and the
  ///     coordinator has fallen silent. It still needs ``stop()``.
  /// - Throws: ``ClusterError`` for a bad configuration or a store that cannot be trusted. Then nothing serves on the
  ///   bus, and the store is closed.
  package static func start(
    bus: any MessageBus, store: any CoordinatorStore, configuration: CoordinatorConfiguration,
    logger: Logger, onFailure: @escaping @Sendable (ClusterError) -> Void
  ) async throws -> Coordinator {
    try configuration.validate()
    let loop = ControlLoop()
    do {
      let stored = try await loop.onDisk { try store.load() }
      let machine = CoordinatorMachine(
        configuration: configuration, stored: stored, freshIdentity: randomIdentity())
      let coordinator = Coordinator(
        bus: bus, store: store, machine: machine, logger: logger, loop: loop, onFailure: onFailure)
      // What can fail comes first: nobody is told to stop a coordinator that did not start.
      let scaling = try await coordinator.prepareScaling()
      try await loop.run {
        coordinator.begin()
        coordinator.beginScaling(scaling)
      }
      return coordinator
    } catch {
      try? await loop.onDisk { store.close() }
      try? await loop.shutDown()
      throw error
    }
  }

  /// What is durable now.
  package var record: CoordinatorRecord {
    get async throws { try await loop.run { [state] in state.value.machine.durable } }
  }

  /// The newest plans that were in force, the newest first, at most `limit`.
  ///
  /// - Throws: ``ClusterError`` of the store.
  package func planHistory(limit: Int) async throws -> [Plan] {
    try await loop.onDisk { [store] in try store.planHistory(limit: limit) }
  }

  /// Stops serving, lets a write that is under way end, and closes the store. Called once. The bus
  /// stays open; its links to the nodes are taken down.
  package func stop() async throws {
    try await loop.run { [self] in
      fallSilent(BusError(.closed, "the coordinator is stopping"))
      for node in state.value.machine.durable.members.keys { bus.disconnect(from: node) }
    }
    try await loop.onDisk { [store] in store.close() }
    try await loop.shutDown()
  }

  // MARK: On the loop

  private func begin() {
    perform(state.value.machine.start(at: .now()))
    state.value.subscriptions = [
      bus.serve(SubjectPattern(.register)) { [self] request in
        let arrival = Moment.now()
        loop.execute { [self] in register(request, at: arrival) }
      },
      bus.serve(SubjectPattern(.shardReports)) { [self] request in
        let arrival = Moment.now()
        loop.execute { [self] in takeReports(request, at: arrival) }
      },
      bus.serve(Self.heartbeats) { [self] request in
        // The time of arrival counts, not the time at which this loop gets to it.
        let arrival = Moment.now()
        loop.execute { [self] in heartbeat(request, at: arrival) }
      },
    ]
    let interval = configuration.tickInterval.timeAmount
    state.value.ticks = loop.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval)
    {
      [self] _ in perform(state.value.machine.tick(at: .now()))
    }
  }

  func perform(_ directives: [CoordinatorMachine.Directive]) {
    guard !state.value.isSilent else { return }
    for directive in directives {
      switch directive {
      case .persist(let record): persist(record)
      case .link(let member): bus.connect(to: member.peer)
      case .unlink(let node):
        bus.disconnect(from: node)
        state.value.deliveries[node] = nil
      case .answer(let ticket, let answer):
        let request = state.value.requests.removeValue(forKey: ticket)
        request?.answer(.success(answer.message.encoded))
      case .operated(let ticket, let answer):
        state.value.operators.removeValue(forKey: ticket)?(.success(answer))
      case .probe(let node, let pause): probe(node, after: pause)
      case .publish(let view): publish(view)
      case .report(let line): logger.notice("\(line)")
      case .decided(let decision): tell(decision)
      case .scale(let request): scale(request)
      case .recordScaling(let service, let records): record(records, of: service)
      }
    }
  }

  private func persist(_ record: CoordinatorRecord) {
    loop.onDisk { [store] in
      try store.save(record)
    } completion: { [self] result in
      switch result {
      case .success: perform(state.value.machine.persisted(version: record.version))
      case .failure(let error): fail(error)
      }
    }
  }

  // MARK: Ending

  /// Stops all activity on the bus and answers what waits.
  private func fallSilent(_ reason: BusError) {
    guard !state.value.isSilent else { return }
    state.value.isSilent = true
    state.value.ticks?.cancel()
    endScaling()
    for subscription in state.value.subscriptions { subscription.cancel() }
    for request in state.value.requests.values { request.answer(.failure(reason)) }
    state.value.requests = [:]
    for answer in state.value.operators.values {
      answer(.failure(ClusterError(.stopped, "\(reason.message)")))
    }
    state.value.operators = [:]
    for turn in state.value.history {
      turn.fail(ClusterError(.stopped, "\(reason.message)"))
    }
    state.value.history = []
    state.value.subscriptions = []
  }

  private func fail(_ error: any Error) {
    guard !state.value.isSilent else { return }
    let failure =
      error as? ClusterError
      ?? ClusterError(.storeFailed, "the coordinator's store cannot be written: \(error)")
    logger.log(
      level: failure.code == .leadershipLost ? .notice : .critical,
      "the coordinator falls silent: \(failure.message)")
    fallSilent(BusError(.closed, "the coordinator's store failed"))
    onFailure(failure)
  }

  /// The heartbeats of all nodes: `cs.node.*.heartbeat`.
  static let heartbeats: SubjectPattern = {
    guard let pattern = SubjectPattern("cs.node.*.heartbeat") else {
      preconditionFailure("the pattern of heartbeats is not legal")
    }
    return pattern
  }()

  /// 128 random bits in hexadecimal.
  private static func randomIdentity() -> String {
    let halves = [UInt64.random(in: 0...UInt64.max), UInt64.random(in: 0...UInt64.max)]
    return halves.map { half in
      let digits = String(half, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
