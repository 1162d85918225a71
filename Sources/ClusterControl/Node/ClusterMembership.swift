package import CloudstateModel
import CloudstateProtocol
package import Logging
package import MessageBus
import NIOCore
import Synchronization

/// A node's running membership in a cluster: the shell around ``NodeMembershipMachine``.
///
/// It has an event loop of its own, so that heartbeats go out whatever the rest of the node is
/// doing, and a thread for saving views.
package final class ClusterMembership: ClusterHandle {
  /// The name under which a view is sealed.
  static let documentName = "cluster-view"

  package let nodeID: NodeID
  let bus: any MessageBus
  let configuration: MembershipConfiguration
  let saveView: @Sendable ([UInt8]) throws -> Void
  /// Samples are as long as this, or as the heartbeat interval where that is longer. A little less than a second:
  /// a heartbeat that comes early is not left out.
  private static let sampleInterval: Duration = .milliseconds(900)

  private let load: @Sendable () -> NodeLoad
  private let sample: @Sendable () -> NodeSample?
  let logger: Logger
  let loop: ControlLoop
  private let current: Mutex<ClusterSnapshot>
  /// Everything else that changes, on the loop only.
  let state: NIOLoopBoundBox<State>

  struct State {
    var machine: NodeMembershipMachine
    var listeners: [@Sendable (ClusterChange) -> Void] = []
    var subscriptions: [Subscription] = []
    var timer: Scheduled<Void>?
    var timerDue: Duration?
    var lastSample: Duration?
    /// The newest view that is not saved yet.
    var unsaved: ClusterView?
    /// A save is under way, or waits for its turn.
    var isSaving = false
    var savePace = SavePace()
    var saved: ClusterView?
    var waiting: [(version: UInt64, request: BusRequest)] = []
    var acknowledgedPlan: UInt64 = 0
    var isStopped = false
  }

  private init(
    bus: any MessageBus, configuration: MembershipConfiguration,
    saveView: @escaping @Sendable ([UInt8]) throws -> Void,
    load: @escaping @Sendable () -> NodeLoad, sample: @escaping @Sendable () -> NodeSample?,
    logger: Logger, loop: ControlLoop
  ) {
    self.sample = sample
    nodeID = configuration.info.node
    self.bus = bus
    self.configuration = configuration
    self.saveView = saveView
    self.load = load
    self.logger = logger
    self.loop = loop
    let machine = NodeMembershipMachine(configuration: configuration)
    current = Mutex(machine.snapshot)
    state = .makeBoxSendingValue(State(machine: machine), eventLoop: loop.eventLoop)
  }

  /// Loads the view saved by the last process of this node and begins to register. It returns
  /// without waiting for the coordinator: ``snapshot`` then shows the saved plan, if there is one.
  ///
  /// - Parameters:
  ///   - bus: this node's bus. It must outlive the membership; the membership links it with the
  ///     coordinator and with all members.
  ///   - loadView: reads the document that `saveView` wrote last. Called once, on a thread that may
  ///     block.
  ///   - saveView: replaces the document and returns when it is durable. Called on a thread that
  ///     may block, one call at a time.
  ///   - load: what the node is doing; called on the membership's thread before each heartbeat,
  ///     must not block.
  ///   - sample: what was measured since the last call, for the autoscaler; called likewise, once a second.
  /// - Throws: ``ClusterError`` for a bad configuration, and what `loadView` throws. A document
  ///   that is damaged is reported in the log and not used: the coordinator has the truth.
  package static func start(
    bus: any MessageBus, configuration: MembershipConfiguration,
    loadView: @escaping @Sendable () throws -> [UInt8]?,
    saveView: @escaping @Sendable ([UInt8]) throws -> Void,
    load: @escaping @Sendable () -> NodeLoad = { .none },
    sample: @escaping @Sendable () -> NodeSample? = { nil }, logger: Logger
  ) async throws -> ClusterMembership {
    try configuration.validate()
    let loop = ControlLoop()
    do {
      let document = try await loop.onDisk(loadView)
      let membership = ClusterMembership(
        bus: bus, configuration: configuration, saveView: saveView, load: load, sample: sample,
        logger: logger, loop: loop)
      try await loop.run { membership.begin(saved: document) }
      return membership
    } catch {
      try? await loop.shutDown()
      throw error
    }
  }

  package var snapshot: ClusterSnapshot { current.withLock { $0 } }

  /// See ``ClusterHandle/addListener(_:)``. After ``stop()`` it does nothing.
  package func addListener(_ listener: @escaping @Sendable (ClusterChange) -> Void) {
    loop.execute { [self] in
      state.value.listeners.append(listener)
      let snapshot = state.value.machine.snapshot
      listener(
        ClusterChange(
          snapshot: snapshot, assignments: snapshot.shardMap.assignments.compactMap(\.self)))
    }
  }

  /// Ends the heartbeats, so that the coordinator will take the node for down, and lets a save that
  /// is under way end. Called once. The bus stays open, with its links to the other nodes.
  package func stop() async throws {
    try await loop.run { [self] in
      state.value.isStopped = true
      state.value.machine.stop()
      state.value.timer?.cancel()
      for subscription in state.value.subscriptions { subscription.cancel() }
      state.value.listeners = []
      for (_, request) in state.value.waiting {
        request.answer(.failure(BusError(.closed, "node \(nodeID) is stopping")))
      }
      state.value.waiting = []
      bus.disconnect(from: .coordinator)
    }
    try await loop.shutDown()
  }

  // MARK: On the loop

  private func begin(saved document: [UInt8]?) {
    approachCoordinator(at: state.value.machine.coordinatorEndpoint)
    state.value.subscriptions = [
      bus.serve(SubjectPattern(.plan)) { [self] request in
        loop.execute { [self] in receive(request) }
      },
      // Answered at once, on the bus's own thread: it only tells that this process is there.
      bus.serve(SubjectPattern(.probe(nodeID))) { $0.answer(.success(ByteBuffer())) },
    ]
    let view = document.flatMap(savedView)
    state.value.saved = view
    perform(state.value.machine.start(saved: view, at: uptime))
  }

  /// All coordinators have one name on the bus, and a node is linked with one of them at a time.
  private func approachCoordinator(at endpoint: String) {
    bus.connect(
      to: BusPeer(
        node: .coordinator, requestEndpoint: endpoint,
        // Views come as requests, so there is nothing of the coordinator's to subscribe to.
        publishEndpoint: "", incarnation: 0))
  }

  private func savedView(_ document: [UInt8]) -> ClusterView? {
    do {
      let bytes = try SealedRecord.open(document, name: Self.documentName)
      return try ClusterView(Cloudstate_Internal_Cluster_ClusterView(reading: bytes))
    } catch {
      logger.error("the saved view of the cluster is not used: \(error)")
      return nil
    }
  }

  /// The coordinator delivers a view.
  private func receive(_ request: BusRequest) {
    guard request.source == .coordinator else {
      return request.answer(
        .failure(BusError(.rejected, "node \(request.source) is not the coordinator")))
    }
    let view: ClusterView
    do {
      view = try ClusterView(Cloudstate_Internal_Cluster_ClusterView(reading: request.payload))
    } catch {
      return request.answer(.failure(BusError(.rejected, "\(error)")))
    }
    let (reception, directives) = state.value.machine.viewDelivered(view, at: uptime)
    switch reception {
    case .refused(let reason): request.answer(.failure(BusError(.rejected, reason)))
    case .followed: acknowledgeWhenSaved(view.version, request)
    }
    perform(directives)
  }

  func perform(_ directives: [NodeMembershipMachine.Directive]) {
    guard !state.value.isStopped else { return }
    for directive in directives {
      switch directive {
      case .approach(let endpoint): approachCoordinator(at: endpoint)
      case .register(let registration): send(registration)
      case .heartbeat(let report): send(report)
      case .link(let member): bus.connect(to: member.peer)
      case .unlink(let node): bus.disconnect(from: node)
      case .save(let view):
        state.value.unsaved = view
        saveIfIdle()
      case .changed(let assignments): announce(assignments)
      case .report(let line): logger.notice("\(line)")
      }
    }
    setTimer()
  }

  private func send(_ registration: Registration) {
    ask(.register, payload: registration.message.encoded) { [self] result in
      let outcome = decoded(result) { payload throws(ClusterError) in
        try RegistrationAnswer(Cloudstate_Internal_Cluster_RegisterResponse(reading: payload))
      }
      perform(state.value.machine.registrationEnded(outcome, at: uptime))
    }
  }

  private func send(_ report: HeartbeatReport) {
    // The heartbeat is also the occasion to try a failed save again.
    saveIfIdle()
    var report = report
    report.load = load()
    if state.value.lastSample.map({ uptime - $0 >= Self.sampleInterval }) ?? true {
      report.sample = sample()
      state.value.lastSample = uptime
    }
    ask(.heartbeat(nodeID), payload: report.message.encoded) { [self] result in
      let outcome = decoded(result) { payload throws(ClusterError) in
        try HeartbeatAnswer(Cloudstate_Internal_Cluster_HeartbeatResponse(reading: payload))
      }
      if case .failure(let error) = outcome { logger.debug("heartbeat: \(error)") }
      perform(state.value.machine.heartbeatEnded(outcome, at: uptime))
    }
  }

  /// Sends a request to the coordinator; `completion` runs on the loop.
  func ask(
    _ subject: Subject, payload: ByteBuffer,
    completion: @escaping @Sendable (Result<ByteBuffer, BusError>) -> Void
  ) {
    loop.began()
    bus.request(
      subject, payload: payload, to: .coordinator,
      timeout: configuration.requestTimeout.timeAmount, on: loop.eventLoop
    ) { [loop] result in
      completion(result)
      loop.ended()
    }
  }

  func decoded<Answer>(
    _ result: Result<ByteBuffer, BusError>,
    _ decode: (ByteBuffer) throws(ClusterError) -> Answer
  ) -> Result<Answer, ClusterError> {
    switch result {
    case .failure(let error):
      .failure(
        ClusterError(
          .unreachable, "coordinator at \(state.value.machine.coordinatorEndpoint): \(error)"))
    case .success(let payload):
      Result { () throws(ClusterError) in try decode(payload) }
    }
  }

  private func announce(_ assignments: [ShardAssignment]) {
    let snapshot = state.value.machine.snapshot
    current.withLock { $0 = snapshot }
    let change = ClusterChange(snapshot: snapshot, assignments: assignments)
    for listener in state.value.listeners { listener(change) }
  }

  private func setTimer() {
    let due = state.value.machine.nextWake
    guard due != state.value.timerDue || state.value.timer == nil else { return }
    state.value.timer?.cancel()
    state.value.timer = nil
    state.value.timerDue = due
    guard let due else { return }
    let delay = max(.zero, due - uptime)
    state.value.timer = loop.eventLoop.scheduleTask(in: delay.timeAmount) { [self] in
      state.value.timer = nil
      perform(state.value.machine.wake(at: uptime))
    }
  }

  var uptime: Duration { Moment.now().uptime }
}
