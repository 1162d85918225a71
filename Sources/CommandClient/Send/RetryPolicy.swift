package import GRPCTransport
package import NIOCore

/// Decides whether a failed command is sent again. A pure value: time and randomness are arguments.
///
/// Only commands with an idempotency key may be sent again, since a command whose answer was lost may
/// have been carried out. The same key goes with every attempt.
package struct RetryPolicy: Hashable, Sendable {
  /// Whether commands are sent again at all.
  package var isEnabled: Bool
  /// The wait before the second attempt; it doubles with each further one.
  package var firstDelay = TimeAmount.milliseconds(50)
  package var maximumDelay = TimeAmount.seconds(2)
  /// How long the first attempt may take: a server that accepts commands and says nothing is given up
  /// for the next one. Each further attempt may take twice as long, so that servers that are only slow
  /// are not given more and more to do.
  package var attemptTimeout = TimeAmount.seconds(2)

  package init(isEnabled: Bool) { self.isEnabled = isEnabled }

  /// What to do after an attempt.
  package enum Decision: Hashable, Sendable {
    /// The outcome stands.
    case accept
    /// Send again to the next server after a wait.
    case retry(after: TimeAmount)
  }

  /// - Parameters:
  ///   - attempt: the attempt that ended, from 1.
  ///   - random: between 0 and 1; spreads the waits of many callers over half of their length.
  ///   - saysRetryable: the node marked the failure as worth another attempt (`cs-retryable`), whatever its
  ///     status code; a crash of the user function is such a failure.
  package func decision(
    after code: GRPCStatus.Code, saysRetryable: Bool = false, attempt: Int, now: NIODeadline,
    deadline: NIODeadline, random: Double
  ) -> Decision {
    guard isEnabled, code != .ok,
      saysRetryable || code == .unavailable || code == .deadlineExceeded
    else { return .accept }
    let full = min(firstDelay * (1 << min(max(attempt - 1, 0), 16)), maximumDelay)
    let delay = TimeAmount.nanoseconds(Int64(Double(full.nanoseconds) * (0.5 + random / 2)))
    return now + delay < deadline ? .retry(after: delay) : .accept
  }

  private static let longestAttempt = TimeAmount.seconds(8)

  /// When an attempt (counted from 1) that begins now must have ended.
  package func attemptDeadline(
    attempt: Int, now: NIODeadline, deadline: NIODeadline
  ) -> NIODeadline {
    guard isEnabled else { return deadline }
    // Not longer than a good while: one attempt that gets lost must leave time for others.
    let full = min(attemptTimeout * (1 << min(max(attempt - 1, 0), 10)), Self.longestAttempt)
    return min(now + max(full, attemptTimeout), deadline)
  }
}
