import NIOCore
import Synchronization

/// Hands what happens on event loops to one waiting task, in order. Any thread may add.
final class EventQueue<Element: Sendable>: Sendable {
  private struct State {
    var elements = CircularBuffer<Element>()
    var waiter: CheckedContinuation<Element?, Never>?
  }

  private let state = Mutex(State())

  func add(_ element: Element) {
    let waiter = state.withLock { state in
      if let waiter = state.waiter.take() { return Optional(waiter) }
      state.elements.append(element)
      return nil
    }
    waiter?.resume(returning: element)
  }

  /// The next element, or `nil` if none comes in time. One task at a time.
  func next(within limit: Duration) async -> Element? {
    await withTaskGroup(of: Element?.self) { group in
      group.addTask { await self.next() }
      group.addTask {
        try? await Task.sleep(for: limit)
        return nil
      }
      var found: Element?
      for await element in group {
        // Both may end at the same moment, and then the element must not be lost.
        found = element ?? found
        group.cancelAll()
      }
      return found
    }
  }

  /// The next element; `nil` when the task is cancelled first.
  private func next() async -> Element? {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let answer = state.withLock { state -> Element?? in
          if let element = state.elements.popFirst() { return .some(element) }
          // Seen under the lock: a cancellation from now on finds the waiter.
          if Task.isCancelled { return .some(nil) }
          state.waiter = continuation
          return nil
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      state.withLock { $0.waiter.take() }?.resume(returning: nil)
    }
  }
}
