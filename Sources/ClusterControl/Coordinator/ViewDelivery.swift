/// Brings the newest view to one node: one request at a time, repeated with growing pauses until it
/// is acknowledged, overtaken by a newer view, or given up. Each node has its own, so a laggard
/// delays nobody else, and holds at most one view in flight. Only an acknowledgement ends it, since
/// it says more than a heartbeat that names the version: the node will still know the view after a
/// restart.
package struct ViewDelivery: Hashable, Sendable {
  /// What the shell is to do.
  package enum Action: Hashable, Sendable {
    /// Send the newest view, which has this version, then call
    /// ``completed(version:isAcknowledged:)``.
    case send(version: UInt64)
    /// Call ``retryDue(version:)`` after the pause.
    case retry(after: Duration, version: UInt64)
    /// Nothing more is tried for this version; the node's next heartbeat brings it.
    case giveUp(version: UInt64)
  }

  private let maximumAttempts: Int
  private let initialDelay: Duration
  private let maximumDelay: Duration
  /// The version to bring; `nil` when there is nothing to do.
  private var wanted: UInt64?
  private var acknowledged: UInt64 = 0
  private var inFlight: UInt64?
  private var failures = 0

  package init(configuration: CoordinatorConfiguration) {
    maximumAttempts = configuration.publicationAttempts
    initialDelay = configuration.initialRetryDelay
    maximumDelay = configuration.maximumRetryDelay
  }

  /// A view is there to be brought.
  package mutating func offer(version: UInt64) -> Action? {
    guard version > acknowledged, version > wanted ?? 0 else { return nil }
    wanted = version
    failures = 0
    return sendIfIdle()
  }

  /// The request that carried `version` is over.
  package mutating func completed(version: UInt64, isAcknowledged: Bool) -> Action? {
    guard inFlight == version else { return nil }
    inFlight = nil
    if isAcknowledged { acknowledge(version) }
    guard let wanted else { return nil }
    if wanted > version { return sendIfIdle() }
    failures += 1
    guard failures < maximumAttempts else {
      self.wanted = nil
      return .giveUp(version: version)
    }
    return .retry(after: delay, version: version)
  }

  /// The pause before another attempt is over.
  package mutating func retryDue(version: UInt64) -> Action? {
    wanted == version ? sendIfIdle() : nil
  }

  /// The node is not alive: what it misses it gets when it is back.
  package mutating func withdraw() { wanted = nil }

  private mutating func acknowledge(_ version: UInt64) {
    acknowledged = max(acknowledged, version)
    if let wanted, wanted <= acknowledged { self.wanted = nil }
  }

  private mutating func sendIfIdle() -> Action? {
    guard inFlight == nil, let wanted else { return nil }
    inFlight = wanted
    return .send(version: wanted)
  }

  /// Doubles with each failure, up to the maximum.
  private var delay: Duration {
    let doublings = min(failures - 1, 16)
    return min(maximumDelay, initialDelay * (1 << doublings))
  }
}
