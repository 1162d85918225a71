import MessageBus
import NIOCore
import Synchronization

/// The requests of other nodes that are being carried out, so that the end of this node can wait for them. Any
/// thread.
///
/// How many there may be is bounded where they come from: a bus has only so many unanswered requests to one peer.
final class RunningRequests: Sendable {
  typealias Answer = @Sendable (Result<ByteBuffer, BusError>) -> Void

  private struct State {
    var requests: [UInt64: BusRequest] = [:]
    var nextID: UInt64 = 0
    var isFinishing = false
    /// Whether those that still run are no longer waited for.
    var isGivenUp = false
    var waiter: CheckedContinuation<Void, Never>?

    /// Whoever waits, if there is nothing left to wait for.
    mutating func released() -> CheckedContinuation<Void, Never>? {
      guard requests.isEmpty || isGivenUp else { return nil }
      defer { waiter = nil }
      return waiter
    }
  }

  private let state = Mutex(State())

  /// Counts a request as running until what is returned is called with its answer.
  ///
  /// - Returns: `nil` if no more requests are taken; then nothing has been answered.
  func begin(_ request: BusRequest) -> Answer? {
    let id = state.withLock { state -> UInt64? in
      guard !state.isFinishing else { return nil }
      state.nextID += 1
      state.requests[state.nextID] = request
      return state.nextID
    }
    guard let id else { return nil }
    return { answer in
      // First, so that whoever waits finds the answer with the bus.
      request.answer(answer)
      self.state.withLock { state in
        state.requests[id] = nil
        return state.released()
      }?.resume()
    }
  }

  /// Takes no more requests, and waits until all are answered or their time is over. Called once.
  ///
  /// - Parameter eventLoop: counts the time. The end of a node is told by cancelling its tasks, and a sleep would end
  ///   with them.
  /// - Returns: what is not answered. Later answers to it change nothing if it is answered now.
  func finish(within grace: TimeAmount, on eventLoop: any EventLoop) async -> [BusRequest] {
    let timer = eventLoop.scheduleTask(in: grace) {
      self.state.withLock { state in
        state.isGivenUp = true
        return state.released()
      }?.resume()
    }
    await withCheckedContinuation { continuation in
      state.withLock { state in
        state.isFinishing = true
        state.waiter = continuation
        return state.released()
      }?.resume()
    }
    timer.cancel()
    return state.withLock { state in
      defer { state.requests = [:] }
      return Array(state.requests.values)
    }
  }
}
