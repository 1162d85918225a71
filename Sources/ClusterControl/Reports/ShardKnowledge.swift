import CloudstateModel

/// What the coordinator has been told of the shards in this process's life. None of it is stored: nodes repeat
/// what matters.
struct ShardKnowledge: Sendable {
  /// The last report of a shard's primary.
  struct PrimaryReport: Sendable {
    var node: NodeID
    var report: ShardReport
    var heardAt: Duration
  }

  /// A node's word that its own copy cannot be used.
  struct UnusableCopy: Sendable {
    var reason: String
    var heardAt: Duration
  }

  /// Where a node's copy ends. Of two copies the one with the later epoch has all that was acknowledged under the
  /// earlier one.
  struct CopyEnd: Hashable, Comparable, Sendable {
    var epoch: Epoch
    var position: Position

    static func < (one: CopyEnd, other: CopyEnd) -> Bool {
      (one.epoch, one.position) < (other.epoch, other.position)
    }
  }

  /// A seen epoch is believed only up to this much above the assigned one, so that a damaged message cannot use
  /// the numbers up.
  static let maximumEpochJump: UInt64 = 1 << 32

  private(set) var primaries: [ShardID: PrimaryReport] = [:]
  private(set) var unusable: [ShardID: [NodeID: UnusableCopy]] = [:]
  /// Where the copy of each node that is alive ends, as its present process said last.
  private(set) var ends: [ShardID: [NodeID: CopyEnd]] = [:]
  private(set) var traffic: [ShardID: ShardTraffic] = [:]

  /// Takes a report in; answers whether it may call for a change of the plan, or `nil` if the node has nothing to
  /// say about the shard.
  mutating func take(
    _ report: ShardReport, from node: NodeID, assignment: ShardAssignment, at now: Duration
  ) -> Bool? {
    let shard = report.shard
    guard report.epoch == assignment.epoch else { return nil }
    let isPrimary = node == assignment.primary
    guard isPrimary || assignment.replicas.contains(node) else { return nil }
    // A primary that has not opened its copy yet does not know where it ends.
    if !isPrimary || report.lastPosition > .start {
      ends[shard, default: [:]][node] = CopyEnd(
        epoch: report.lastEpoch, position: report.lastPosition)
    }
    let wasUnusable = unusable[shard]?[node] != nil
    if let reason = report.unusable {
      unusable[shard, default: [:]][node] = UnusableCopy(reason: reason, heardAt: now)
    } else if isPrimary {
      forgetUnusable(shard, node)
    }
    guard isPrimary else { return report.unusable != nil && !wasUnusable }
    let known = primaries[shard]
    primaries[shard] = PrimaryReport(node: node, report: report, heardAt: now)
    traffic[shard, default: ShardTraffic()].count(report.commands, at: now)
    guard let known, known.node == node else { return true }
    return known.report.signs != report.signs
  }

  /// What the primary says under this very assignment; `nil` if nothing yet.
  func report(under assignment: ShardAssignment) -> ShardReport? {
    guard let known = primaries[assignment.shard], known.node == assignment.primary,
      known.report.epoch == assignment.epoch
    else { return nil }
    return known.report
  }

  func isUnusable(_ node: NodeID, _ shard: ShardID) -> Bool { unusable[shard]?[node] != nil }

  /// About how much the shard holds, in files and in what will become files.
  func bytes(of shard: ShardID) -> UInt64 { primaries[shard]?.report.bytes ?? 0 }

  /// The node was started anew, or its copy was made anew.
  mutating func forgetUnusable(_ shard: ShardID, _ node: NodeID) {
    guard unusable[shard]?[node] != nil else { return }
    unusable[shard]?[node] = nil
    if unusable[shard]?.isEmpty == true { unusable[shard] = nil }
  }

  /// The node was started anew: what its last process said of its copies, and of those it had offered, is not what
  /// this one goes by.
  mutating func forget(_ node: NodeID) {
    forgetUnusable(of: node)
    primaries = primaries.filter { $0.value.node != node }
    for shard in Array(ends.keys) { ends[shard]?[node] = nil }
  }

  mutating func forgetUnusable(of node: NodeID) {
    for shard in Array(unusable.keys) { forgetUnusable(shard, node) }
  }

  /// The node said this before `moment` and has not repeated it since.
  func saidUnusable(_ node: NodeID, _ shard: ShardID, before moment: Duration) -> Bool {
    unusable[shard]?[node].map { $0.heardAt < moment } ?? false
  }
}

/// How many commands a shard takes.
struct ShardTraffic: Hashable, Sendable {
  /// The rate forgets half of what was in this time.
  static let halfLife: Duration = .seconds(30)

  /// Commands per second, smoothed.
  private(set) var rate = 0.0
  private var countedUntil: Duration?

  mutating func count(_ commands: UInt64, at now: Duration) {
    defer { countedUntil = now }
    guard let countedUntil, now > countedUntil else { return }
    let seconds = (now - countedUntil) / .seconds(1)
    let share = min(1, seconds / (Self.halfLife / .seconds(1)))
    rate += (Double(commands) / seconds - rate) * share
  }
}

extension ShardReport {
  /// The report without its figures, which call for no change of the plan.
  fileprivate var signs: ShardReport {
    var signs = self
    signs.lastPosition = .start
    signs.lastEpoch = .none
    signs.bytes = 0
    signs.commands = 0
    signs.copied = [:]
    return signs
  }
}
