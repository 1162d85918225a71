package import GRPCTransport
package import NIOCore

/// Decides what a tail does when its call has failed. A pure value: time and randomness are arguments.
package struct ReconnectPolicy: Sendable {
  /// What to do.
  package enum Decision: Hashable, Sendable {
    /// Ask the next server after a wait.
    case retry(after: TimeAmount)
    /// Another try would fail the same way, or the patience is used up.
    case giveUp
  }

  /// How long servers may stay unreachable; `nil` = for ever, which suits a tail that follows.
  private let patience: TimeAmount?
  /// How long the first server that answers may take.
  private let firstPatience: TimeAmount
  private var failures = 0
  private var failingSince: NIODeadline?
  private var hasBeenConnected = false

  package init(firstPatience: TimeAmount, patience: TimeAmount?) {
    self.firstPatience = firstPatience
    self.patience = patience
  }

  /// A message of a server has arrived: answers for how long there was none, if it had failed.
  package mutating func succeeded(now: NIODeadline) -> TimeAmount? {
    hasBeenConnected = true
    failures = 0
    defer { failingSince = nil }
    return failingSince.map { now - $0 }
  }

  /// A server has answered, but with nothing that brings the tail nearer to its end.
  package mutating func connected() { hasBeenConnected = true }

  /// A call has failed.
  ///
  /// - Parameter random: between 0 and 1; spreads waits over half of their length.
  package mutating func failed(
    _ code: GRPCStatus.Code, now: NIODeadline, random: Double
  ) -> Decision {
    switch code {
    case .invalidArgument, .unimplemented, .notFound, .permissionDenied, .unauthenticated,
      .outOfRange, .failedPrecondition:
      return .giveUp
    default: break
    }
    let since = failingSince ?? now
    failingSince = since
    failures += 1
    let full = min(TimeAmount.milliseconds(50) * (1 << min(failures - 1, 10)), .seconds(2))
    let wait = TimeAmount.nanoseconds(Int64(Double(full.nanoseconds) * (0.5 + random / 2)))
    let limit = hasBeenConnected ? patience : firstPatience
    if let limit, now + wait > since + limit { return .giveUp }
    return .retry(after: wait)
  }
}
