/// Brings the newest view to one node, repeated with growing pauses until it is acknowledged, overtaken by a newer
/// view, or given up. Each node has its own, so a laggard delays nobody else. Only an acknowledgement ends it, since it
/// says more than a heartbeat that names the version: the node will still know the view after a restart. That takes
/// the node a write to its disk, and moves wait for the next view, so a newer one does not wait for the
/// acknowledgement of those before; a few may be in flight.
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

  /// Views on their way at one time; with more, only the newest follows when there is room.
  package static let maximumInFlight = 8

  private let maximumAttempts: Int
  private let initialDelay: Duration
  private let maximumDelay: Duration
  /// The version to bring; `nil` when there is nothing to do.
  private var wanted: UInt64?
  private var acknowledged: UInt64 = 0
  private var inFlight: Set<UInt64> = []
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
    return sendIfRoom()
  }

  /// The request that carried `version` is over.
  package mutating func completed(version: UInt64, isAcknowledged: Bool) -> Action? {
    guard inFlight.remove(version) != nil else { return nil }
    if isAcknowledged { acknowledge(version) }
    guard let wanted else { return nil }
    if wanted > version { return sendIfRoom() }
    failures += 1
    guard failures < maximumAttempts else {
      self.wanted = nil
      return .giveUp(version: version)
    }
    return .retry(after: delay, version: version)
  }

  /// The pause before another attempt is over.
  package mutating func retryDue(version: UInt64) -> Action? {
    wanted == version ? sendIfRoom() : nil
  }

  /// The node is not alive: what it misses it gets when it is back.
  package mutating func withdraw() { wanted = nil }

  private mutating func acknowledge(_ version: UInt64) {
    acknowledged = max(acknowledged, version)
    if let wanted, wanted <= acknowledged { self.wanted = nil }
  }

  private mutating func sendIfRoom() -> Action? {
    guard let wanted, inFlight.count < Self.maximumInFlight, inFlight.insert(wanted).inserted else {
      return nil
    }
    return .send(version: wanted)
  }

  /// Doubles with each failure, up to the maximum.
  private var delay: Duration {
    let doublings = min(failures - 1, 16)
    return min(maximumDelay, initialDelay * (1 << doublings))
  }
}
