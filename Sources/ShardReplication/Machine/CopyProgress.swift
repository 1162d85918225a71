import CloudstateModel

/// What a primary knows of one other copy of its shard.
struct CopyProgress: Hashable, Sendable {
  enum Phase: Hashable, Sendable {
    /// Where the copy ends is unknown: the next append asks.
    case unknown
    /// An append is under way that asks.
    case asked
    /// The epoch of the own batch where the copy ends is being looked up, to see whether the copy is of the
    /// same history.
    case comparing
    /// The copy follows; deltas are sent as they come.
    case streaming
    /// The next deltas are being read from the store.
    case reading
    /// The copy is longer than this one, and what it has is being fetched.
    case fetching
    /// The copy cannot follow and may not be replaced while it is in-sync.
    case unfit
  }

  /// A position with the epoch of its batch.
  struct Place: Hashable, Sendable {
    var position: Position
    var epoch: Epoch

    static let start = Place(position: .start, epoch: .none)
  }

  var phase = Phase.unknown
  /// The last batch that was sent, or that the copy is known to have.
  var sent = Place.start
  /// The copy has everything up to here on its disk; `nil` while nothing is known.
  var acknowledged: Position?
  /// Counts fresh starts, so that answers to what was sent before are told apart.
  var session: UInt64 = 0
  var inFlight = 0
  var inFlightBytes = 0
  /// What was sent while no plan had the copy in-sync.
  var copiedBytes: UInt64 = 0
  /// When the newest append was sent that the copy has answered under this epoch; grants the lease.
  var confirmedAt: Uptime?
  var lastSentAt: Uptime?
  /// When the copy last got on, or had nothing to get on with.
  var progressAt: Uptime
  var failures = 0
  /// Not to be asked before.
  var retryAt: Uptime = 0
  /// The copy's records cannot be trusted, or are of another history.
  var mustStartOver = false
  /// The consumers' positions it was sent last, by their version.
  var sentConsumers: UInt64?

  init(now: Uptime) { progressAt = now }

  /// Whether more may be sent.
  func hasRoom(_ settings: ShardReplicationSettings) -> Bool {
    inFlight < settings.maximumInFlight && inFlightBytes < settings.maximumInFlightBytes
  }

  /// Begins anew after a failure: answers to what is under way say nothing about where the copy ends.
  mutating func startAfresh() {
    session += 1
    phase = .unknown
    inFlight = 0
    inFlightBytes = 0
    sentConsumers = nil
  }
}
