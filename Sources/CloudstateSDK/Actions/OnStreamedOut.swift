public import SwiftProtobuf

/// Handles a method with one request and many answers: by a closure that sends them, or one that
/// returns them as an asynchronous sequence.
///
/// The closure runs in a task, which is cancelled when the caller goes away. While the caller does not
/// read, the sequence is not asked for its next element, and sending waits.
public struct OnStreamedOut: Sendable {
  let method: ActionMethod

  /// Handles `name` by sending answers until the closure returns.
  public init<Request: Message, Reply: Message>(
    _ name: String,
    _ answer:
      @escaping @Sendable (ActionContext, Request, ActionReplies<Reply>) async throws -> Void
  ) {
    let input = MessageCodec<Request>()
    method = ActionMethod(
      name: name, inputType: Request.protoMessageName, outputType: Reply.protoMessageName,
      shape: .streamedOut,
      body: .task { context, requests, responses in
        let request = try await requests.one(input)
        try await answer(context, request, ActionReplies(queue: responses))
      })
  }

  /// Handles `name` with a sequence of messages.
  public init<Request: Message, Replies: AsyncSequence & SendableMetatype>(
    _ name: String,
    _ answer: @escaping @Sendable (ActionContext, Request) async throws -> Replies
  ) where Replies.Element: Message, Replies.AsyncIterator: SendableMetatype {
    self.init(name) { (context, request: Request, replies: ActionReplies<Replies.Element>) in
      for try await reply in try await answer(context, request) { try await replies.send(reply) }
    }
  }

  /// Handles `name` with a sequence of replies with metadata or effects, forwards and failures.
  public init<
    Request: Message, Reply: Message, Answers: AsyncSequence & SendableMetatype
  >(
    _ name: String,
    _ answer: @escaping @Sendable (ActionContext, Request) async throws -> Answers
  ) where Answers.Element == ActionAnswer<Reply>, Answers.AsyncIterator: SendableMetatype {
    self.init(name) { (context, request: Request, replies: ActionReplies<Reply>) in
      for try await reply in try await answer(context, request) { try await replies.send(reply) }
    }
  }
}
