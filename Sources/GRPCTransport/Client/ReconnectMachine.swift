import NIOCore

/// The state of a client's connection, as its owner sees it.
package enum GRPCConnectivity: Hashable, Sendable {
  /// Not used yet.
  case idle
  case connecting
  /// Connected, and the server's HTTP/2 settings have come.
  case ready
  /// The last attempt failed, or a young connection was lost; the next attempt waits.
  case transientFailure
  /// Closed by its owner, for good.
  case shutdown
}

/// Decides when a client connects. Pure: times and randomness are arguments.
struct ReconnectMachine {
  enum State: Hashable {
    /// Leaves to `connecting` with the first call.
    case idle
    /// Leaves to `ready` or `waiting`.
    case connecting
    /// Leaves to `connecting` or, if it was lost while young, `waiting`.
    case ready(since: NIODeadline)
    /// Leaves to `connecting` when the wait is over.
    case waiting
    /// Final.
    case closed
  }

  /// A connection that lasted this long is replaced at once when it is lost. One that did not
  /// counts as a failed attempt: a server that accepts and hangs up would otherwise be called in a
  /// tight loop.
  static let stableAfter = TimeAmount.seconds(1)

  /// How long to wait after failures.
  let backoff: GRPCReconnectBackoff
  /// Where the connection stands.
  private(set) var state = State.idle
  private var failures = 0

  /// Begins idle.
  init(backoff: GRPCReconnectBackoff) { self.backoff = backoff }

  /// The state as owners see it.
  var connectivity: GRPCConnectivity {
    switch state {
    case .idle: .idle
    case .connecting: .connecting
    case .ready: .ready
    case .waiting: .transientFailure
    case .closed: .shutdown
    }
  }

  /// A call needs the connection. Answers whether to connect now.
  mutating func wanted() -> Bool {
    guard state == .idle else { return false }
    state = .connecting
    return true
  }

  /// The connection is up. Ignored unless it was being made.
  mutating func connected(now: NIODeadline) {
    guard state == .connecting else { return }
    state = .ready(since: now)
  }

  /// An attempt failed or the connection was lost. Answers how long to wait before the next
  /// attempt; zero means to connect now, `nil` not at all.
  mutating func interrupted(
    now: NIODeadline, using generator: inout some RandomNumberGenerator
  ) -> TimeAmount? {
    switch state {
    case .ready(let since) where now - since >= Self.stableAfter:
      failures = 0
      state = .connecting
      return .zero
    case .ready, .connecting:
      failures += 1
      state = .waiting
      return backoff.delay(afterFailures: failures, using: &generator)
    case .idle, .waiting, .closed:
      return nil
    }
  }

  /// The wait is over. Answers whether to connect now.
  mutating func retryDue() -> Bool {
    guard state == .waiting else { return false }
    state = .connecting
    return true
  }

  /// Ends everything; no later event leaves this state.
  mutating func close() { state = .closed }
}
