package import NIOCore

/// Thins out the notices of shards that commit often: the first is told at once, the next ones no more
/// often than every `interval`, each time with the newest position.
package struct NoticeCoalescer: Sendable {
  /// When to call ``take(now:)``.
  package enum Action: Hashable, Sendable {
    /// A call is already arranged.
    case none
    case takeNow
    case take(at: NIODeadline)
  }

  private let interval: TimeAmount
  private var pending: [UInt32: UInt64] = [:]
  private var isArranged = false
  private var lastTaken: NIODeadline?

  package init(interval: TimeAmount) { self.interval = interval }

  /// Shards have grown to the positions given.
  package mutating func grew(_ positions: [UInt32: UInt64], now: NIODeadline) -> Action {
    guard !positions.isEmpty else { return .none }
    pending.merge(positions, uniquingKeysWith: max)
    guard !isArranged else { return .none }
    isArranged = true
    guard let lastTaken, now < lastTaken + interval else { return .takeNow }
    return .take(at: lastTaken + interval)
  }

  /// The newest position of each shard that grew since the last call.
  package mutating func take(now: NIODeadline) -> [UInt32: UInt64] {
    defer { pending.removeAll(keepingCapacity: true) }
    isArranged = false
    lastTaken = now
    return pending
  }
}
