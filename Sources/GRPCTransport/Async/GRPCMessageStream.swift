package import NIOCore
import Synchronization

/// The response messages of a call, for asynchronous code such as the command line tools.
///
/// At most a small number of messages is buffered; then the call stops reading and HTTP/2 flow
/// control holds the server back. Iterated once. Iteration throws ``GRPCStatus`` if the call ends
/// with another status than OK. The call is cancelled when the iterating task is, or when the
/// sequence and its iterators are let go before the end.
package struct GRPCMessageStream: AsyncSequence, Sendable {
  package typealias Element = ByteBuffer

  /// Where the messages come from.
  let mailbox: MessageMailbox
  private let lifetime: CallLifetime

  init(mailbox: MessageMailbox) {
    self.mailbox = mailbox
    lifetime = CallLifetime(mailbox: mailbox)
  }

  /// Reads the messages; one task at a time.
  package struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let lifetime: CallLifetime

    /// Throws ``GRPCStatus``; CANCELLED when the task was cancelled.
    package mutating func next() async throws -> ByteBuffer? { try await lifetime.mailbox.next() }
  }

  /// Iterators share the messages: each is delivered once.
  package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(lifetime: lifetime) }

  /// The response headers and trailers; complete after the last message.
  package var metadata: (headers: GRPCMetadata, trailers: GRPCMetadata) { mailbox.metadata }
}

/// Cancels the call when nobody can read it any more.
private final class CallLifetime: Sendable {
  let mailbox: MessageMailbox

  init(mailbox: MessageMailbox) { self.mailbox = mailbox }

  deinit { mailbox.cancel() }
}

/// Hands the messages of one call from its event loop to one reading task.
final class MessageMailbox: GRPCClientStreamHandler, Sendable {
  /// With this many messages unread the call stops reading; with half of it, it goes on.
  static let capacity = 64

  private struct State {
    var messages = CircularBuffer<ByteBuffer>()
    var headers = GRPCMetadata()
    var trailers = GRPCMetadata()
    var outcome: GRPCStatus?
    var isReading = true
    var isCancelled = false
    var waiter: CheckedContinuation<ByteBuffer?, any Error>?
  }

  private let eventLoop: any EventLoop
  private let state = Mutex(State())
  /// Set before anything else happens, on the event loop.
  private let stream: NIOLoopBoundBox<(any GRPCClientStream)?>

  /// For a call on `eventLoop`; from any thread.
  init(eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    stream = .makeEmptyBox(eventLoop: eventLoop)
  }

  /// What has come so far; from any thread.
  var metadata: (headers: GRPCMetadata, trailers: GRPCMetadata) {
    state.withLock { ($0.headers, $0.trailers) }
  }

  /// On the event loop, once.
  func attach(_ stream: any GRPCClientStream) {
    self.stream.value = stream
    if state.withLock(\.isCancelled) { stream.cancel() }
  }

  /// From any thread.
  func cancel() {
    let isNews = state.withLock { state in
      defer { state.isCancelled = true }
      return !state.isCancelled && state.outcome == nil
    }
    guard isNews else { return }
    eventLoop.execute { self.stream.value?.cancel() }
  }

  /// From any thread; without effect once the call is over.
  func withStream(_ body: @escaping @Sendable (any GRPCClientStream) -> Void) {
    eventLoop.execute {
      if let stream = self.stream.value { body(stream) }
    }
  }

  /// See ``GRPCMessageStream/AsyncIterator/next()``.
  func next() async throws -> ByteBuffer? {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let (answer, resumes) = state.withLock { state -> (Result<ByteBuffer?, any Error>?, Bool) in
          if let message = state.messages.popFirst() {
            let resumes = !state.isReading && state.messages.count <= Self.capacity / 2
            if resumes { state.isReading = true }
            return (.success(message), resumes)
          }
          if let outcome = state.outcome {
            return (outcome.code == .ok ? .success(nil) : .failure(outcome), false)
          }
          guard state.waiter == nil else {
            return (.failure(GRPCStatus(.internalError, "two tasks read one call")), false)
          }
          state.waiter = continuation
          return (nil, false)
        }
        if resumes { withStream { $0.setReading(true) } }
        if let answer { continuation.resume(with: answer) }
      }
    } onCancel: {
      cancel()
    }
  }

  // MARK: From the call, on its event loop

  func receiveHeaders(_ metadata: GRPCMetadata) {
    state.withLock { $0.headers = metadata }
  }

  func receive(_ message: ByteBuffer) {
    let (waiter, pauses) = state.withLock { state in
      if let waiter = state.waiter.take() {
        return (Optional(waiter), false)
      }
      state.messages.append(message)
      let pauses = state.isReading && state.messages.count >= Self.capacity
      if pauses { state.isReading = false }
      return (nil, pauses)
    }
    waiter?.resume(returning: message)
    if pauses { stream.value?.setReading(false) }
  }

  func ended(_ status: GRPCStatus, trailers: GRPCMetadata) {
    let waiter = state.withLock { state in
      state.outcome = status
      state.trailers = trailers
      return state.waiter.take()
    }
    stream.value = nil
    guard let waiter else { return }
    if status.code == .ok { waiter.resume(returning: nil) } else { waiter.resume(throwing: status) }
  }
}
