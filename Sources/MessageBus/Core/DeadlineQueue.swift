import NIOCore

/// Numbers ordered by deadline: a binary heap. A pure value.
struct DeadlineQueue {
  private struct Entry {
    let deadline: NIODeadline
    let id: UInt64
  }

  private var heap: [Entry] = []

  var count: Int { heap.count }
  var first: NIODeadline? { heap.first?.deadline }

  mutating func insert(_ id: UInt64, deadline: NIODeadline) {
    heap.append(Entry(deadline: deadline, id: id))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].deadline < heap[parent].deadline else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  /// Removes the entry with the earliest deadline and answers its number, if that deadline has come.
  mutating func popFirst(dueBy now: NIODeadline) -> UInt64? {
    guard let first = heap.first, first.deadline <= now else { return nil }
    let last = heap.removeLast()
    guard !heap.isEmpty else { return first.id }
    heap[0] = last
    siftDown()
    return first.id
  }

  private mutating func siftDown() {
    var parent = 0
    while true {
      var smallest = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
        if heap[child].deadline < heap[smallest].deadline { smallest = child }
      }
      guard smallest != parent else { return }
      heap.swapAt(parent, smallest)
      parent = smallest
    }
  }
}
