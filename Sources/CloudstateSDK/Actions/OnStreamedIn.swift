public import SwiftProtobuf

/// Handles a method with many requests and one answer.
///
/// The closure runs in a task, which is cancelled when the caller goes away. It may answer before the
/// caller has sent everything; the call is over then.
public struct OnStreamedIn: Sendable {
  let method: ActionMethod

  /// Handles `name` with a reply that has metadata or effects, a forward, or a failure.
  public init<Request: Message, Reply: Message>(
    _ name: String,
    _ answer:
      @escaping @Sendable (ActionContext, ActionRequests<Request>) async throws
      -> ActionAnswer<Reply>
  ) {
    let output = MessageCodec<Reply>()
    method = ActionMethod(
      name: name, inputType: Request.protoMessageName, outputType: Reply.protoMessageName,
      shape: .streamedIn,
      body: .task { context, requests, responses in
        let requests = ActionRequests<Request>(queue: requests)
        try await responses.send(answer(context, requests).response(output))
      })
  }

  /// Handles `name` with a message.
  public init<Request: Message, Reply: Message>(
    _ name: String,
    _ answer: @escaping @Sendable (ActionContext, ActionRequests<Request>) async throws -> Reply
  ) {
    self.init(name) { (context, requests: ActionRequests<Request>) -> ActionAnswer<Reply> in
      .reply(try await answer(context, requests))
    }
  }

  /// Handles `name` and replies `google.protobuf.Empty`.
  public init<Request: Message>(
    _ name: String,
    _ answer: @escaping @Sendable (ActionContext, ActionRequests<Request>) async throws -> Void
  ) {
    self.init(name) { (context, requests: ActionRequests<Request>) in
      try await answer(context, requests)
      return ActionAnswer.reply(Google_Protobuf_Empty())
    }
  }
}
