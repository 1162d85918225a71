import CloudstateModel

/// Which copy is checked next, and when: all in order, then a rest until the next pass. A pure value.
struct ScrubSchedule {
  enum Step: Equatable {
    case verify(ShardID)
    /// All copies were checked since the pass began.
    case passed
    case rest(until: Uptime)
  }

  /// A node that was just started has other things to do at first.
  static let firstRest = Duration.seconds(60)

  private let interval: Duration
  /// When the next pass begins, or the one that is going on began.
  private var begin: Uptime
  private var last: ShardID?
  private var isPassing = false

  init(interval: Duration, startedAt now: Uptime) {
    self.interval = interval
    begin = now.adding(min(interval, Self.firstRest))
  }

  /// - Parameter shards: those that the node holds a copy of now. Those that come behind the last one while a pass
  ///   goes on are part of it.
  mutating func next(of shards: [ShardID], now: Uptime) -> Step {
    guard now >= begin else { return .rest(until: begin) }
    if !isPassing {
      isPassing = true
      begin = now
      last = nil
    }
    let rest = shards.filter { shard in last.map { $0 < shard } ?? true }
    if let shard = rest.min() {
      last = shard
      return .verify(shard)
    }
    isPassing = false
    begin = max(now, begin.adding(interval))
    return .passed
  }
}
