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
    /// Deliver the view to its alive members and to whoever watches.
    case publish(ClusterView)
    /// Write a line to the log.
    case report(String)
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
  private var lastTick: Duration?

  /// What is known of a member from this process's own hearing.
  struct Presence: Hashable, Sendable {
    var lastHeard: Duration
    /// False for a member that was recovered from the store and has not been heard yet: it may be
    /// dead, so it gets no shards.
    var isHeard: Bool
    var load = NodeLoad.none
    var planNumber: UInt64 = 0
  }

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
  }

  /// The last load each member reported in this process's life.
  package var loads: [NodeID: NodeLoad] { presence.mapValues(\.load) }

  /// Takes up work: links the members the store remembers and publishes its view once more, because
  /// the last process may have stopped between writing and publishing.
  package mutating func start(at now: Moment) -> [Directive] {
    lastTick = now.uptime
    var directives: [Directive] = []
    for member in durable.view.members {
      presence[member.node] = Presence(lastHeard: now.uptime, isHeard: false)
      lastJoin[member.service] = now.uptime
      directives.append(.link(member))
    }
    if durable.version > 0 { directives.append(.publish(durable.view)) }
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
    directives.append(.publish(durable.view))
    return directives + writeIfNeeded()
  }

  /// A heartbeat that arrived at `now`. The answer is due at once, it waits for no disk.
  package mutating func heartbeat(
    _ report: HeartbeatReport, at now: Moment
  ) -> (answer: HeartbeatAnswer, directives: [Directive]) {
    guard let member = record.members[report.node], member.incarnation == report.incarnation,
      report.planNumber <= record.plan.number
    else {
      // Either unknown here, or from a cluster with another history: registration tells which.
      return (HeartbeatAnswer(registerAgain: true, view: nil), [])
    }
    let previous = presence[report.node]
    presence[report.node] = Presence(
      lastHeard: max(previous?.lastHeard ?? now.uptime, now.uptime), isHeard: true,
      load: report.load, planNumber: report.planNumber)
    var directives: [Directive] = []
    if member.liveness != .alive {
      setLiveness(.alive, of: report.node)
      record.version += 1
      directives.append(.report("node \(report.node) is alive again"))
      directives += writeIfNeeded()
    }
    let isBehind = report.viewVersion < durable.version
    return (
      HeartbeatAnswer(registerAgain: false, view: isBehind ? durable.view : nil), directives
    )
  }

  /// Looks at the clocks; due every ``CoordinatorConfiguration/tickInterval``.
  package mutating func tick(at now: Moment) -> [Directive] {
    forgiveOwnPause(at: now.uptime)
    var directives: [Directive] = []
    for node in record.members.keys.sorted() {
      directives += updateLiveness(of: node, at: now.uptime)
    }
    let hasNewLiveness = !directives.isEmpty
    let plans = planIfReady(Array(record.services.keys), at: now)
    if hasNewLiveness || !plans.isEmpty { record.version += 1 }
    return directives + plans + writeIfNeeded()
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

  /// If this process itself stood still (stopped, starved, its machine suspended), the silence it
  /// sees is its own and condemns nobody.
  private mutating func forgiveOwnPause(at now: Duration) {
    defer { lastTick = now }
    guard let lastTick, now - lastTick > configuration.heartbeatInterval else { return }
    let pause = now - lastTick
    for node in presence.keys {
      guard let heard = presence[node]?.lastHeard else { continue }
      presence[node]?.lastHeard = min(now, heard + pause)
    }
  }

  private mutating func updateLiveness(of node: NodeID, at now: Duration) -> [Directive] {
    guard let member = record.members[node], let heard = presence[node]?.lastHeard else {
      return []
    }
    let silence = now - heard
    let liveness: Liveness =
      if silence > configuration.livenessTimeout {
        .down
      } else if silence > configuration.suspectTimeout {
        .suspect
      } else {
        // Only a heartbeat or a registration makes a node alive again.
        member.liveness
      }
    // A node that is down does not become suspect because this process was restarted or paused.
    guard liveness != member.liveness, !(member.liveness == .down && liveness == .suspect) else {
      return []
    }
    setLiveness(liveness, of: node)
    let word = liveness == .down ? "down" : "suspect"
    return [.report("node \(node) is \(word): not heard for \(silence.wholeMilliseconds) ms")]
  }

  private mutating func setLiveness(_ liveness: Liveness, of node: NodeID) {
    record.members[node]?.liveness = liveness
  }
}
