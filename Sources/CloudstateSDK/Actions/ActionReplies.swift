public import SwiftProtobuf

/// Where the handler of a streamed call sends its answers.
///
/// Sending waits while the caller does not read, so a handler that sends without end needs no bounds of
/// its own.
public struct ActionReplies<Reply: Message>: Sendable {
  private let queue: ResponseQueue
  private let codec = MessageCodec<Reply>()

  init(queue: ResponseQueue) { self.queue = queue }

  /// Sends a message. Throws `CancellationError` when the task is cancelled or the call is over.
  public func send(_ message: Reply) async throws { try await send(.reply(message)) }

  /// Sends a reply with metadata, a forward, a failure, or effects. Throws `CancellationError` when the
  /// task is cancelled or the call is over, and another error for a target that is no name of a
  /// method.
  public func send(_ answer: ActionAnswer<Reply>) async throws {
    try await queue.send(answer.response(codec))
  }
}
