package import CloudstateModel

/// Which shards the coordinator is to hear of next: those with news at once, all of them from time to time.
///
/// A move waits for the next report of its shard, and so do the shard's commands: news waits for nothing while few
/// messages are under way. Where the coordinator is slow or away it is gathered, so that memory is bounded by the shards.
package struct ReportQueue: Hashable, Sendable {
  package enum Message: Hashable, Sendable {
    case of(Set<ShardID>)
    case ofAll
  }

  /// Messages that the coordinator has not answered.
  static let maximumInFlight = 4

  private var news: Set<ShardID> = []
  private var isAllDue = false
  private var inFlight = 0

  package init() {}

  /// Something has changed that the coordinator waits for.
  package mutating func add(_ shard: ShardID) { news.insert(shard) }

  /// It is time to tell of all shards.
  package mutating func addAll() { isAllDue = true }

  /// What to send now, if anything; to be followed by ``ended()``.
  package mutating func next() -> Message? {
    guard inFlight < Self.maximumInFlight, isAllDue || !news.isEmpty else { return nil }
    inFlight += 1
    defer {
      news = []
      isAllDue = false
    }
    return isAllDue ? .ofAll : .of(news)
  }

  /// The coordinator has heard, or could not be reached.
  package mutating func ended() { inFlight -= 1 }
}
