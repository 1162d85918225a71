package import NIOCore

/// Something that must act at a point in time unless it is done before.
package protocol DeadlineHolder: AnyObject {
  /// Where the queue keeps this holder; -1 while it is in none. Only the queue writes it.
  var deadlineSlot: Int { get set }
  /// The time has come; the holder is in no queue any more.
  func deadlinePassed()
}

/// A binary heap of holders by deadline. Each holder knows its place, so a call that ends early, as
/// nearly all do, leaves at once and keeps nothing alive until its deadline.
struct DeadlineHeap {
  private struct Node {
    var deadline: NIODeadline
    var holder: any DeadlineHolder
  }

  private var nodes: [Node] = []

  /// The next deadline, if there is any.
  var earliest: NIODeadline? { nodes.first?.deadline }
  /// The holders inside.
  var count: Int { nodes.count }

  /// Adds a holder that is in no heap.
  mutating func insert(_ holder: any DeadlineHolder, deadline: NIODeadline) {
    precondition(holder.deadlineSlot < 0, "the holder is in a heap already")
    nodes.append(Node(deadline: deadline, holder: holder))
    moveUp(from: nodes.count - 1)
  }

  /// Removes a holder; does nothing if it is not in.
  mutating func remove(_ holder: any DeadlineHolder) {
    let slot = holder.deadlineSlot
    guard slot >= 0 else { return }
    holder.deadlineSlot = -1
    let last = nodes.removeLast()
    guard slot < nodes.count else { return }
    nodes[slot] = last
    if slot > 0, nodes[(slot - 1) / 2].deadline > last.deadline {
      moveUp(from: slot)
    } else {
      moveDown(from: slot)
    }
  }

  /// Takes out the earliest holder if its deadline is not after `now`.
  mutating func popPassed(now: NIODeadline) -> (any DeadlineHolder)? {
    guard let first = nodes.first, first.deadline <= now else { return nil }
    remove(first.holder)
    return first.holder
  }

  private mutating func moveUp(from start: Int) {
    var slot = start
    let node = nodes[slot]
    while slot > 0 {
      let parent = (slot - 1) / 2
      guard nodes[parent].deadline > node.deadline else { break }
      nodes[slot] = nodes[parent]
      nodes[slot].holder.deadlineSlot = slot
      slot = parent
    }
    nodes[slot] = node
    node.holder.deadlineSlot = slot
  }

  private mutating func moveDown(from start: Int) {
    var slot = start
    let node = nodes[slot]
    while true {
      var child = 2 * slot + 1
      guard child < nodes.count else { break }
      if child + 1 < nodes.count, nodes[child + 1].deadline < nodes[child].deadline { child += 1 }
      guard nodes[child].deadline < node.deadline else { break }
      nodes[slot] = nodes[child]
      nodes[slot].holder.deadlineSlot = slot
      slot = child
    }
    nodes[slot] = node
    node.holder.deadlineSlot = slot
  }
}

/// A ``DeadlineHeap`` with one timer on an event loop for all its holders: a timer per call would
/// cost more than the call. Loop-bound.
package final class DeadlineQueue {
  private let eventLoop: any EventLoop
  private var heap = DeadlineHeap()
  private var timer: (at: NIODeadline, task: Scheduled<Void>)?

  /// Begins empty, without a timer.
  package init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  /// Adds a holder that is in no queue.
  package func insert(_ holder: any DeadlineHolder, deadline: NIODeadline) {
    heap.insert(holder, deadline: deadline)
    arm()
  }

  /// Does nothing if the holder is not in. The timer stays as it is: it finds nothing and sleeps
  /// on.
  package func remove(_ holder: any DeadlineHolder) { heap.remove(holder) }

  /// Stops the timer; for a queue whose connection is gone.
  package func close() {
    timer?.task.cancel()
    timer = nil
  }

  private func arm() {
    guard let earliest = heap.earliest else { return }
    if let timer {
      guard earliest < timer.at else { return }
      timer.task.cancel()
    }
    let task = eventLoop.assumeIsolated().scheduleTask(deadline: earliest) {
      self.fire()
    }
    timer = (earliest, task)
  }

  private func fire() {
    timer = nil
    let now = NIODeadline.now()
    while let holder = heap.popPassed(now: now) { holder.deadlinePassed() }
    arm()
  }
}
