import NIOCore
import Synchronization

/// Bounds how many events are with the user function at the same time. Who comes when all slots are taken
/// waits in line; the line holds no more than one for each consumer and shard. Any thread.
final class CallSlots: Sendable {
  private struct State {
    var free: Int
    var line: [(eventLoop: any EventLoop, granted: @Sendable () -> Void)] = []
  }

  private let state: Mutex<State>

  init(_ count: Int) { state = Mutex(State(free: count)) }

  /// Calls `granted` on `eventLoop`, the current one: at once, or when a slot is free.
  func acquire(on eventLoop: any EventLoop, granted: @escaping @Sendable () -> Void) {
    let isFree = state.withLock { state in
      guard state.free > 0 else {
        state.line.append((eventLoop, granted))
        return false
      }
      state.free -= 1
      return true
    }
    if isFree { granted() }
  }

  /// Gives a slot back, or on to the next in line.
  func release() {
    let next = state.withLock { state in
      guard !state.line.isEmpty else {
        state.free += 1
        return nil as (eventLoop: any EventLoop, granted: @Sendable () -> Void)?
      }
      return state.line.removeFirst()
    }
    if let next { next.eventLoop.execute { next.granted() } }
  }
}
