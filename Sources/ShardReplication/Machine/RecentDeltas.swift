import CloudstateModel
import DequeModule

/// The newest batches of a shard, so that copies that follow closely are served without reading the store.
struct RecentDeltas: Sendable {
  private var deltas: Deque<SealedDelta> = []
  private var bytes = 0

  /// Adds the next batch and forgets the oldest beyond `limit` bytes. A batch that does not follow the last one
  /// replaces all.
  mutating func append(_ delta: SealedDelta, limit: Int) {
    if let last = deltas.last, last.position.next != delta.position { removeAll() }
    deltas.append(delta)
    bytes += delta.bytes.count
    while bytes > limit, deltas.count > 1 {
      bytes -= deltas.removeFirst().bytes.count
    }
  }

  mutating func removeAll() {
    deltas.removeAll()
    bytes = 0
  }

  /// The batches behind a position, at least one and about `limit` bytes; `nil` if they are not all here.
  func following(_ position: Position, limit: Int) -> [SealedDelta]? {
    guard let first = deltas.first, first.position <= position.next else { return nil }
    let offset = Int(position.next.number - first.position.number)
    guard offset < deltas.count else { return nil }
    var answer: [SealedDelta] = []
    var bytes = 0
    for delta in deltas[(deltas.startIndex + offset)...] {
      bytes += delta.bytes.count
      if !answer.isEmpty && bytes > limit { break }
      answer.append(delta)
    }
    return answer
  }
}
