import NIOCore

/// Decides, pure, when a client pings too often: what gRPC calls the time it permits for keepalive.
///
/// A ping after something was sent to the client measures the way and is free: grpc-go and the C core
/// do that. Others that come within the interval are strikes; too many in a row cost the connection.
struct PingGuard {
  /// Strikes that are forgiven. gRPC forgives two; clients of long standing are not always exact.
  static let forgiven = 10

  private let minimumInterval: TimeAmount
  private var last: NIODeadline?
  private var strikes = 0

  /// With an interval of zero every ping is welcome.
  init(minimumInterval: TimeAmount) { self.minimumInterval = minimumInterval }

  /// A ping came. Answers whether the connection may stay.
  ///
  /// - Parameter hasSent: whether headers or data went to the client since the last ping.
  mutating func received(now: NIODeadline, hasSent: Bool) -> Bool {
    defer { last = now }
    guard let last, !hasSent, now - last < minimumInterval else {
      strikes = 0
      return true
    }
    strikes += 1
    return strikes <= Self.forgiven
  }
}
