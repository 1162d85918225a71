import CloudstateProtocol
import GRPCTransport
import NIOCore
import Synchronization

/// Hands the responses of one call from its task to its event loop.
///
/// Invariant: at most ``capacity`` responses wait here for the event loop, and none is added while the
/// call is not writable; senders wait instead.
final class ResponseQueue: Sendable {
  static let capacity = 16

  private struct State {
    var responses: [ByteBuffer] = []
    var isFlushScheduled = false
    var isWritable: Bool
    var isOver = false
    var waiters: [Int: CheckedContinuation<Void, any Error>] = [:]
    var lastTicket = 0

    var hasRoom: Bool { isWritable && responses.count < ResponseQueue.capacity }

    /// Those who may try again, if there is room.
    mutating func takeWaiters() -> [CheckedContinuation<Void, any Error>] {
      guard hasRoom, !waiters.isEmpty else { return [] }
      defer { waiters.removeAll() }
      return Array(waiters.values)
    }
  }

  private let call: ActionCallReference
  private let state: Mutex<State>

  /// On the event loop of the call.
  init(call: ActionCallReference) {
    self.call = call
    state = Mutex(State(isWritable: call.value?.isWritable == true))
  }

  // MARK: From the task

  /// Sends a response, once there is room for it. Throws `CancellationError` when the call is over, or
  /// the task was cancelled before there was room.
  func send(_ response: Cloudstate_Action_ActionResponse) async throws {
    let bytes = response.encoded
    while try !add(bytes) { try await room() }
  }

  /// Ends the call after everything sent before, and after one last response, which does not wait for
  /// room: nothing can follow it.
  func finish(_ status: GRPCStatus, after last: Cloudstate_Action_ActionResponse? = nil) {
    let bytes = last?.encoded
    // What was sent before is flushed before, in the order of the event loop.
    call.onEventLoop { [self] in
      if let bytes { call.value?.send(bytes) }
      call.value?.finish(status)
      cancel()
    }
  }

  /// Adds a response if there is room.
  private func add(_ bytes: ByteBuffer) throws -> Bool {
    let (isAdded, flushes) = try state.withLock { state in
      if state.isOver || Task.isCancelled { throw CancellationError() }
      guard state.hasRoom else { return (false, false) }
      state.responses.append(bytes)
      let flushes = !state.isFlushScheduled
      state.isFlushScheduled = true
      return (true, flushes)
    }
    if flushes { call.onEventLoop { self.flush() } }
    return isAdded
  }

  /// Waits until there may be room.
  private func room() async throws {
    let ticket = state.withLock { state in
      state.lastTicket += 1
      return state.lastTicket
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation {
        (continuation: CheckedContinuation<Void, any Error>) in
        let answer = state.withLock { state -> Result<Void, any Error>? in
          // Seen under the lock: a cancellation from now on finds the waiter.
          if state.isOver || Task.isCancelled { return .failure(CancellationError()) }
          if state.hasRoom { return .success(()) }
          state.waiters[ticket] = continuation
          return nil
        }
        if let answer { continuation.resume(with: answer) }
      }
    } onCancel: {
      let waiter = state.withLock { $0.waiters.removeValue(forKey: ticket) }
      waiter?.resume(throwing: CancellationError())
    }
  }

  // MARK: On the event loop of the call

  /// The call takes more, or does not.
  func writabilityChanged(_ isWritable: Bool) {
    let waiters = state.withLock { state in
      state.isWritable = isWritable
      return state.takeWaiters()
    }
    for waiter in waiters { waiter.resume() }
  }

  /// The call is over.
  func cancel() {
    call.clear()
    let waiters = state.withLock { state in
      state.isOver = true
      state.responses.removeAll()
      defer { state.waiters.removeAll() }
      return Array(state.waiters.values)
    }
    for waiter in waiters { waiter.resume(throwing: CancellationError()) }
  }

  private func flush() {
    let responses = state.withLock { state in
      state.isFlushScheduled = false
      defer { state.responses.removeAll(keepingCapacity: true) }
      return state.responses
    }
    guard let call = call.value else { return }
    for response in responses { call.send(response) }
    writabilityChanged(call.isWritable)
  }
}
