import CloudstateProtocol
public import SwiftProtobuf

/// What a method of an action answers, once or for each element of a stream, when a message alone does
/// not say enough.
///
/// ```swift
/// OnUnary("Order") { (context, order: Order) -> ActionAnswer<Receipt> in
///   .reply(Receipt(order), metadata: ["x-warehouse": "north"])
///   .effect(to: "example.Mail/Send", Mail(order))
/// }
/// ```
public struct ActionAnswer<Reply: Message>: Sendable {
  private enum Content: Sendable {
    case reply(Reply, Metadata)
    case forward(OutgoingCommand)
    case failure(String)
    case nothing
  }

  private struct Effect: Sendable {
    let command: OutgoingCommand
    let synchronous: Bool
  }

  private let content: Content
  private var effects: [Effect] = []

  private init(_ content: Content) { self.content = content }

  /// Sends the caller a message. Which metadata reaches it depends on its transport.
  public static func reply(_ message: Reply, metadata: Metadata = Metadata()) -> Self {
    ActionAnswer(.reply(message, metadata))
  }

  /// Lets the target answer, which must answer with a `Reply`. In a stream of answers, what it answers
  /// takes the place of this element.
  public static func forward<Command: Message>(
    to target: ServiceMethod, _ command: Command, metadata: Metadata = Metadata()
  ) -> Self {
    ActionAnswer(
      .forward(OutgoingCommand(target: target, message: command, metadata: metadata)))
  }

  /// Fails the call with a text for the caller. Unlike a thrown ``CommandFailure`` this can have
  /// effects, and does not end the handler of a stream.
  public static func failure(_ description: String) -> Self {
    ActionAnswer(.failure(description))
  }

  /// Sends the caller nothing; for the effects.
  public static var nothing: Self { ActionAnswer(.nothing) }

  /// The same answer with one more command for another service of the same server, run before the
  /// answer is released, in the order added. Its result never changes the answer.
  ///
  /// - Parameters:
  ///   - target: The method, such as `"example.Mail/Send"`. A name of another form fails the call.
  ///   - synchronous: Whether the answer waits until the effect is done.
  public func effect<Command: Message>(
    to target: ServiceMethod, _ command: Command, synchronous: Bool = false,
    metadata: Metadata = Metadata()
  ) -> Self {
    var answer = self
    answer.effects.append(
      Effect(
        command: OutgoingCommand(target: target, message: command, metadata: metadata),
        synchronous: synchronous))
    return answer
  }

  /// The message of the protocol.
  func response(_ codec: MessageCodec<Reply>) throws(EntityFault)
    -> Cloudstate_Action_ActionResponse
  {
    var response = Cloudstate_Action_ActionResponse()
    switch content {
    case .reply(let message, let metadata):
      response.reply = Cloudstate_Reply(try codec.pack(message), metadata: metadata)
    case .forward(let command):
      response.forward = try command.forward()
    case .failure(let description):
      response.failure.description_p = description
    case .nothing:
      break
    }
    for effect in effects {
      response.sideEffects.append(
        try effect.command.sideEffect(synchronous: effect.synchronous))
    }
    return response
  }
}
