import NIOCore

/// Decides, pure, when a client opens and cancels calls too quickly (the attack of CVE-2023-44487: each
/// call begins work, and cancelled ones do not count as open).
///
/// Only calls count that were cancelled right after they were opened, and only as many as were opened in the same
/// time: a proxy whose clients give up while an answer is late does no harm.
struct ResetGuard {
  /// Pairs of opening and cancelling within ``window`` that are let through: 400 a second.
  static let limit = 2000
  static let window = TimeAmount.seconds(5)
  /// Older calls have been waited for.
  static let youth = TimeAmount.milliseconds(100)

  private var windowStart: NIODeadline?
  private var opened = 0
  private var cancelled = 0

  /// A call was opened.
  mutating func callOpened() { opened += 1 }

  /// The client has cancelled a call that was not answered. Answers whether the connection may stay.
  mutating func callCancelled(opened openedAt: NIODeadline, now: NIODeadline) -> Bool {
    guard now - openedAt < Self.youth else { return true }
    if let windowStart, now - windowStart < Self.window {
      cancelled += 1
    } else {
      windowStart = now
      opened = 0
      cancelled = 1
    }
    return min(opened, cancelled) <= Self.limit
  }
}
