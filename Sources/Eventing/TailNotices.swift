import NIOCore

/// Collects what a client must be told about shards that cannot be read, so that the loss of a node
/// with many shards is one sentence and a hand-over of milliseconds is none.
struct TailNotices: Sendable {
  /// How long sentences wait for more shards to name.
  private static let gathering = TimeAmount.milliseconds(250)

  private var recovered: [UInt32] = []
  /// When there may be something to say.
  private(set) var nextDue: NIODeadline?

  /// A shard fails since a time; the client is told when it has failed for `patience`.
  mutating func failing(since: NIODeadline, patience: TimeAmount) {
    isDue(at: since + patience + Self.gathering)
  }

  private mutating func isDue(at time: NIODeadline) { nextDue = min(nextDue ?? time, time) }

  /// A shard whose trouble was announced can be read again.
  mutating func recovered(_ shard: UInt32, now: NIODeadline) {
    recovered.append(shard)
    isDue(at: now + Self.gathering)
  }

  /// The sentences due by now. Marks the shards they name as announced.
  mutating func texts(
    now: NIODeadline, after patience: TimeAmount, shards: inout [TailedShard]
  ) -> [String] {
    guard let due = nextDue, now >= due else { return [] }
    nextDue = nil
    var texts: [String] = []
    let back = recovered.filter { shard in
      !shards.contains { $0.index == shard && $0.failing != nil }
    }
    recovered = []
    if !back.isEmpty { texts.append("\(Self.names(back)) can be read again") }
    var failing: [String: [UInt32]] = [:]
    for slot in shards.indices {
      guard let trouble = shards[slot].failing, !trouble.isAnnounced else { continue }
      guard now >= trouble.since + patience else {
        self.failing(since: trouble.since, patience: patience)
        continue
      }
      shards[slot].failing?.isAnnounced = true
      failing[trouble.reason.message, default: []].append(shards[slot].index)
    }
    for (reason, indices) in failing.sorted(by: { $0.key < $1.key }) {
      texts.append("\(Self.names(indices)) cannot be read: \(reason); trying again")
    }
    return texts
  }

  private static func names(_ shards: [UInt32]) -> String {
    let list = shards.sorted().map(String.init).joined(separator: ", ")
    return shards.count == 1 ? "shard \(list)" : "shards \(list)"
  }
}
