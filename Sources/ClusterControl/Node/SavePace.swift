/// How often a node saves views. While shards move many come in a row; to sync each would keep the disk from the
/// shards, and a restart with one that is a little older only has to ask the coordinator. A few in a row are saved
/// at once all the same: those with which a node begins must not be missing when it is started again without one. A
/// pure value; times are of one monotonic clock.
struct SavePace: Hashable, Sendable {
  /// Between two saves in the long run.
  static let interval: Duration = .milliseconds(100)
  /// So many may follow each other without a pause.
  static let burst = 8

  /// When all of the burst is there again.
  private var rested: Duration = .zero

  /// How long the next save has to wait.
  func delay(at now: Duration) -> Duration {
    max(.zero, rested - now - Self.interval * (Self.burst - 1))
  }

  /// A save begins.
  mutating func began(at now: Duration) { rested = max(rested, now) + Self.interval }
}
