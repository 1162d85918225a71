public import SwiftProtobuf

/// Handles a method with one request and one answer.
///
/// A closure without `await` runs on the event loop of the call, like the commands of entities: it
/// must not block. One with `await` runs in a task, which is cancelled when the caller goes away.
public struct OnUnary: Sendable {
  let method: ActionMethod

  private init<Request: Message, Reply: Message>(
    _ name: String, _ body: ActionMethod.Body, _ request: Request.Type, _ reply: Reply.Type
  ) {
    method = ActionMethod(
      name: name, inputType: Request.protoMessageName, outputType: Reply.protoMessageName,
      shape: .unary, body: body)
  }

  /// Handles `name` at once with a reply that has metadata or effects, a forward, or a failure.
  public init<Request: Message, Reply: Message>(
    _ name: String,
    _ answer: @escaping @Sendable (ActionContext, Request) throws -> ActionAnswer<Reply>
  ) {
    let input = MessageCodec<Request>()
    let output = MessageCodec<Reply>()
    let body = ActionMethod.Body.immediate { context, payload in
      try answer(context, input.unpack(payload)).response(output)
    }
    self.init(name, body, Request.self, Reply.self)
  }

  /// Handles `name` at once with a message.
  public init<Request: Message, Reply: Message>(
    _ name: String,
    _ answer: @escaping @Sendable (ActionContext, Request) throws -> Reply
  ) {
    self.init(name) { (context, request: Request) -> ActionAnswer<Reply> in
      .reply(try answer(context, request))
    }
  }

  /// Handles `name` at once and replies `google.protobuf.Empty`.
  public init<Request: Message>(
    _ name: String,
    _ answer: @escaping @Sendable (ActionContext, Request) throws -> Void
  ) {
    self.init(name) { (context, request: Request) -> ActionAnswer<Google_Protobuf_Empty> in
      try answer(context, request)
      return .reply(Google_Protobuf_Empty())
    }
  }

  /// Handles `name` in a task with a reply that has metadata or effects, a forward, or a failure.
  public init<Request: Message, Reply: Message>(
    _ name: String,
    _ answer: @escaping @Sendable (ActionContext, Request) async throws -> ActionAnswer<Reply>
  ) {
    let input = MessageCodec<Request>()
    let output = MessageCodec<Reply>()
    let body = ActionMethod.Body.task { context, requests, responses in
      let request = try await requests.one(input)
      try await responses.send(answer(context, request).response(output))
    }
    self.init(name, body, Request.self, Reply.self)
  }

  /// Handles `name` in a task with a message.
  public init<Request: Message, Reply: Message>(
    _ name: String,
    _ answer: @escaping @Sendable (ActionContext, Request) async throws -> Reply
  ) {
    self.init(name) { (context, request: Request) async throws -> ActionAnswer<Reply> in
      .reply(try await answer(context, request))
    }
  }

  /// Handles `name` in a task and replies `google.protobuf.Empty`.
  public init<Request: Message>(
    _ name: String,
    _ answer: @escaping @Sendable (ActionContext, Request) async throws -> Void
  ) {
    self.init(name) {
      (context, request: Request) async throws -> ActionAnswer<Google_Protobuf_Empty> in
      try await answer(context, request)
      return .reply(Google_Protobuf_Empty())
    }
  }
}
