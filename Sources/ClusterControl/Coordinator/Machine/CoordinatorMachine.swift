package import CloudstateModel

/// The coordinator's decisions: who is a member, who is alive, which plan is in force.
///
/// A pure value: events in, directives out, time as an argument. It decides on `record` at once,
/// but what leaves the coordinator comes from `durable`, the last record the store has confirmed:
/// nothing is told to anyone that a restart could take back. One write is under way at a time;
/// changes made meanwhile go into the next one, so a slow disk costs latency, not memory.
package struct CoordinatorMachine: Sendable {
  /// What the shell is to do, in order.
  package enum Directive: Hashable, Sendable {
    /// Write the record synced, then call ``persisted(version:)``. If the write fails the
    /// coordinator must stop.
    case persist(CoordinatorRecord)
    /// Let the bus reach this member, replacing an older link.
    case link(ClusterMember)
    case unlink(NodeID)
    /// Answer the registration that came with this ticket.
    case answer(ticket: UInt64, RegistrationAnswer)
    /// Answer the operator's request that came with this ticket.
    case operated(ticket: UInt64, OperatorAnswer)
    /// After the pause, ask the node whether its process is there, then call ``probeEnded(_:of:at:)``.
    case probe(NodeID, after: Duration)
    /// Deliver the view to its alive members and to whoever watches.
    case publish(ClusterView)
    /// Write a line to the log.
    case report(String)
    /// An autoscaler has decided that something is to be done: tell it.
    case decided(ScaleDecision)
    /// Ask the service's scaler for a number of nodes.
    case scale(ScaleRequest)
    /// What the service's autoscaler was told and decided, for its recording.
    case recordScaling(ServiceName, [AutoscalerRecord])
  }

  package let configuration: CoordinatorConfiguration
  /// What is decided.
  package internal(set) var record: CoordinatorRecord
  /// What the store has confirmed.
  package private(set) var durable: CoordinatorRecord
  /// What is being written, if anything.
  private var writing: CoordinatorRecord?
  /// Registrations to answer once the version is durable.
  var waiting: [(ticket: UInt64, version: UInt64)] = []
  var presence: [NodeID: Presence] = [:]
  /// When a node last joined a service whose shards are not assigned yet.
  var lastJoin: [ServiceName: Duration] = [:]
  /// What each refused node was last told, so that its attempts fill no log. Forgotten when it
  /// grows beyond the bound on members.
  var refusals: [NodeID: String] = [:]
  var lastTick: Duration?
  /// What nodes have reported of their shards.
  var knowledge = ShardKnowledge()
  /// Something has changed that steps of the plan may follow from.
  var hasNews = false
  /// Attempts to fence primaries, of the moves that are under way.
  var fences: [ShardID: Fence] = [:]
  /// How far steps that are under way have come.
  var standing: [ShardID: Standing] = [:]
  /// Shards that nobody serves and nobody may take over, as they were reported.
  var unavailable: Set<ShardID> = []
  /// Why shards are to be placed anew, and when.
  var rebalanceTrigger: RebalanceTrigger?
  /// What became of rebalances before the newest, in this process's life.
  var pastRebalances = PastRebalances()
  /// How long the next rebalance waits after one that could not do all it should.
  var retryPauses = RetryPauses()
  /// The average of the pauses measured so far in this process's life.
  var measuredPause = MeasuredPause()
  /// Answers to operators, due once the version is durable.
  var waitingOperators: [(ticket: UInt64, version: UInt64, answer: OperatorAnswer)] = []
  /// The autoscalers of the services that are scaled.
  var scaling: [ServiceName: ServiceScaling] = [:]
  /// Since when each node's present process is a member, as far as this one has seen it come.
  var memberSince: [NodeID: Duration] = [:]
  /// Requests to scalers, due once the version is durable; one for each service at most.
  var waitingScaleRequests: [(version: UInt64, request: ScaleRequest)] = []
  /// The time of the newest event.
  var clock: Moment?

  /// - Parameters:
  ///   - stored: what the store holds; `nil` for a new store.
  ///   - freshIdentity: the identity to take if the store is new: random text, not empty.
  package init(
    configuration: CoordinatorConfiguration, stored: CoordinatorRecord?, freshIdentity: String
  ) {
    self.configuration = configuration
    record = stored ?? CoordinatorRecord(coordinatorID: freshIdentity)
    durable = record
    if stored == nil { record.version = 1 }
    record.plan.shards.sort { $0.shard < $1.shard }
    scaling = Self.autoscalers(configuration.autoscaling, record)
  }

  /// Makes a plan the decided one. Reasons of a plan that no write covers yet are kept with it.
  mutating func adopt(_ plan: Plan) {
    let covered = (writing ?? durable).plan.number
    let before = record.plan
    record.plan = plan
    if before.number > covered { record.plan.reason = "\(before.reason) \(plan.reason)" }
  }

  /// Whether the store is busy: steps of the plan wait until it is not, so that each is one plan in the history.
  var isWriting: Bool { writing != nil || record.plan.number != durable.plan.number }

  /// The last load each member reported in this process's life.
  package var loads: [NodeID: NodeLoad] { presence.mapValues(\.load) }

  /// Takes up work: links the members the store remembers and publishes its view once more, because
  /// the last process may have stopped between writing and publishing.
  package mutating func start(at now: Moment) -> [Directive] {
    lastTick = now.uptime
    clock = now
    var directives: [Directive] = []
    for member in durable.view.members {
      presence[member.node] = Presence(
        lastHeard: now.uptime, isHeard: false,
        downSince: member.liveness == .down ? now.uptime : nil)
      lastJoin[member.service] = now.uptime
      directives.append(.link(member))
    }
    if durable.version > 0 { directives.append(.publish(durable.view)) }
    if !record.plan.shards.isEmpty { triggerRebalance("the coordinator was started", at: now) }
    hasNews = true
    return directives + writeIfNeeded()
  }

  /// The store has confirmed the record of this version.
  package mutating func persisted(version: UInt64) -> [Directive] {
    guard let written = writing, written.version == version else { return [] }
    let before = durable
    durable = written
    writing = nil
    var directives: [Directive] = []
    for member in written.view.members where before.members[member.node]?.peer != member.peer {
      directives.append(.link(member))
    }
    for node in before.members.keys.sorted() where written.members[node] == nil {
      directives.append(.unlink(node))
    }
    let due = waiting.filter { $0.version <= version }
    waiting.removeAll { $0.version <= version }
    directives += due.map { .answer(ticket: $0.ticket, acceptance) }
    let operated = waitingOperators.filter { $0.version <= version }
    waitingOperators.removeAll { $0.version <= version }
    directives += operated.map { .operated(ticket: $0.ticket, $0.answer) }
    directives.append(.publish(durable.view))
    directives += dueScaleRequests()
    if let clock { directives += takeSteps(at: clock) }
    return directives + writeIfNeeded()
  }

  /// Starts a write if something is decided that no write covers yet.
  mutating func writeIfNeeded() -> [Directive] {
    guard writing == nil, record.version > durable.version else { return [] }
    writing = record
    return [.persist(record)]
  }

  /// The answer to an accepted registration, from what is durable.
  var acceptance: RegistrationAnswer {
    .accepted(
      durable.view, heartbeatInterval: configuration.heartbeatInterval,
      livenessTimeout: configuration.livenessTimeout)
  }
}
