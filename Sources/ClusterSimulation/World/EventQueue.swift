/// What is to happen, by virtual time; what is due at the same time happens in the order in which it was added.
/// A binary heap.
struct EventQueue {
  struct Event {
    let time: UInt64
    let number: UInt64
    let action: () -> Void

    fileprivate func precedes(_ other: Event) -> Bool {
      (time, number) < (other.time, other.number)
    }
  }

  private var heap: [Event] = []
  private var lastNumber: UInt64 = 0

  var isEmpty: Bool { heap.isEmpty }
  var nextTime: UInt64? { heap.first?.time }

  mutating func add(at time: UInt64, _ action: @escaping () -> Void) {
    lastNumber += 1
    heap.append(Event(time: time, number: lastNumber, action: action))
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].precedes(heap[parent]) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func removeFirst() -> Event? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
        if heap[child].precedes(heap[least]) { least = child }
      }
      guard least != parent else { return first }
      heap.swapAt(parent, least)
      parent = least
    }
  }

  mutating func removeAll() { heap.removeAll() }
}
