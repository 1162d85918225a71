import NIOCore
import Synchronization

/// Hands what happens on event loops to one waiting task, in order. Any thread may add.
final class EventQueue<Element: Sendable>: Sendable {
  private struct State {
    var elements = CircularBuffer<Element>()
    /// The task that waits, and the number of its wait.
    var waiter: (turn: Int, continuation: CheckedContinuation<Element?, Never>)?
    var turn = 0
  }

  private let state = Mutex(State())

  func add(_ element: Element) {
    let waiter = state.withLock { state in
      if let waiter = state.waiter.take() { return Optional(waiter) }
      state.elements.append(element)
      return nil
    }
    waiter?.continuation.resume(returning: element)
  }

  /// The next element, or `nil` if none comes in time. One task at a time.
  func next(within limit: Duration) async -> Element? {
    await withCheckedContinuation { continuation in
      let (element, turn) = state.withLock { state -> (Element?, Int) in
        if let element = state.elements.popFirst() { return (element, 0) }
        state.turn += 1
        state.waiter = (state.turn, continuation)
        return (nil, state.turn)
      }
      if let element { return continuation.resume(returning: element) }
      // Ends by itself, and finds another wait or none if the element came before.
      Task {
        try? await Task.sleep(for: limit)
        giveUp(turn)
      }
    }
  }

  private func giveUp(_ turn: Int) {
    let waiter = state.withLock { state in
      state.waiter?.turn == turn ? state.waiter.take() : nil
    }
    waiter?.continuation.resume(returning: nil)
  }
}
