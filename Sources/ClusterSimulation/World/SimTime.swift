/// Spans of virtual time in nanoseconds.
enum Span {
  static let microsecond: UInt64 = 1_000
  static let millisecond: UInt64 = 1_000_000
  static let second: UInt64 = 1_000_000_000
}

/// The clock of one machine: it runs a little too fast or too slow, and shows any time.
struct DriftingClock {
  /// By how many millionths the clock runs too fast.
  let driftPPM: Int64
  let offset: UInt64

  /// What the clock shows.
  func reading(at now: UInt64) -> UInt64 {
    offset &+ now &+ UInt64(bitPattern: drift(of: now))
  }

  /// How long it takes until the clock has gone on by `span`.
  func trueSpan(_ span: UInt64) -> UInt64 {
    let difference = Int64(clamping: span) / 1_000_000 * driftPPM
    return UInt64(max(1, Int64(clamping: span) - difference))
  }

  private func drift(of now: UInt64) -> Int64 { Int64(now / 1_000_000) * driftPPM }
}
