import CloudstateModel
import NIOCore

/// The nodes whose copies have to be compared with those here: a pure value. Each node is there once, however
/// often it is added.
struct ComparisonAgenda: Sendable {
  /// How often at most the copies of one node are compared, unless it is urgent.
  let interval: TimeAmount
  private var waiting: [NodeID: Bool] = [:]
  private var lastTaken: [NodeID: NIODeadline] = [:]

  init(interval: TimeAmount) { self.interval = interval }

  /// - Parameter isUrgent: something is known to be missing.
  mutating func add(_ node: NodeID, isUrgent: Bool) {
    waiting[node] = isUrgent || waiting[node] ?? false
  }

  /// Takes the next node to compare with, urgent ones first; `nil` if none is due.
  mutating func next(now: NIODeadline) -> NodeID? {
    let due = waiting.filter { node, isUrgent in
      isUrgent || lastTaken[node].map { now - $0 >= interval } ?? true
    }
    guard let node = due.min(by: { ($0.value ? 0 : 1, $0.key) < ($1.value ? 0 : 1, $1.key) })?.key
    else { return nil }
    waiting[node] = nil
    lastTaken[node] = now
    return node
  }
}
