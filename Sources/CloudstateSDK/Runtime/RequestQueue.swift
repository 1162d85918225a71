import GRPCTransport
import NIOCore
import SwiftProtobuf
import Synchronization

/// One request of a call and what travels beside it.
struct ActionRequest: Sendable {
  let payload: Google_Protobuf_Any
  let metadata: Metadata
}

/// Hands the requests of one call from its event loop to its task.
///
/// Invariant: at most ``capacity`` requests wait here. With that many the call stops reading, so that
/// flow control holds the sender back; with half of them it goes on.
final class RequestQueue: Sendable {
  static let capacity = 16

  private struct State {
    var requests = CircularBuffer<ActionRequest>()
    var isEnded = false
    var isCancelled = false
    var isReading = true
    var waiter: (ticket: Int, continuation: CheckedContinuation<ActionRequest?, any Error>)?
    var lastTicket = 0
  }

  private let call: ActionCallReference
  private let state = Mutex(State())

  init(call: ActionCallReference) { self.call = call }

  // MARK: From the task

  /// The next request, `nil` after the last. Throws `CancellationError` when the call is over or the
  /// task was cancelled.
  func next() async throws -> ActionRequest? {
    let ticket = state.withLock { state in
      state.lastTicket += 1
      return state.lastTicket
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        take(ticket, continuation)
      }
    } onCancel: {
      let waiter = state.withLock { state in
        state.waiter?.ticket == ticket ? state.waiter.take() : nil
      }
      waiter?.continuation.resume(throwing: CancellationError())
    }
  }

  /// The request of a call that brings one.
  func one<Request: Message>(_ codec: MessageCodec<Request>) async throws -> Request {
    guard let request = try await next() else { throw EntityFault("There is no request.") }
    return try codec.unpack(request.payload)
  }

  private func take(
    _ ticket: Int, _ continuation: CheckedContinuation<ActionRequest?, any Error>
  ) {
    let (answer, resumesReading) = state.withLock {
      state -> (Result<ActionRequest?, any Error>?, Bool) in
      // Seen under the lock: a cancellation from now on finds the waiter.
      if state.isCancelled || Task.isCancelled { return (.failure(CancellationError()), false) }
      if let request = state.requests.popFirst() {
        let resumes = !state.isReading && state.requests.count <= Self.capacity / 2
        if resumes { state.isReading = true }
        return (.success(request), resumes)
      }
      if state.isEnded { return (.success(nil), false) }
      guard state.waiter == nil else {
        return (.failure(EntityFault("Two tasks wait for the requests of one call.")), false)
      }
      state.waiter = (ticket, continuation)
      return (nil, false)
    }
    if resumesReading { call.onEventLoop { [call] in call.value?.setReading(true) } }
    if let answer { continuation.resume(with: answer) }
  }

  // MARK: From the call, on its event loop

  /// Takes a request that came.
  func receive(_ request: ActionRequest) {
    let (waiter, stopsReading) = state.withLock {
      state -> (CheckedContinuation<ActionRequest?, any Error>?, Bool) in
      if state.isCancelled { return (nil, false) }
      if let waiter = state.waiter.take() { return (waiter.continuation, false) }
      state.requests.append(request)
      let stops = state.isReading && state.requests.count >= Self.capacity
      if stops { state.isReading = false }
      return (nil, stops)
    }
    if stopsReading { call.value?.setReading(false) }
    waiter?.resume(returning: request)
  }

  /// The caller has sent its last request.
  func receiveEnd() {
    let waiter = state.withLock { state in
      state.isEnded = true
      return state.waiter.take()
    }
    waiter?.continuation.resume(returning: nil)
  }

  /// The call is over, or its method. From any thread.
  func cancel() {
    let waiter = state.withLock { state in
      state.isCancelled = true
      state.requests.removeAll()
      return state.waiter.take()
    }
    waiter?.continuation.resume(throwing: CancellationError())
  }
}
