import CloudstateProtocol
public import SwiftProtobuf

/// What an entity's command handler returns when a message alone does not say enough: a reply with
/// metadata, or a forward.
///
/// ```swift
/// OnCommand("Checkout") { (context, _: Checkout) -> Answer<Receipt> in
///   context.emit(CheckedOut())
///   return .forward(to: "example.Orders/Place", Order(context.state))
/// }
/// ```
///
/// Failures are thrown, see ``CommandFailure``.
public struct Answer<Reply: Message>: Sendable {
  private enum Content: Sendable {
    case reply(Reply, Metadata)
    case forward(OutgoingCommand)
  }

  private let content: Content

  /// Answers the caller. Which metadata reaches it depends on its transport.
  public static func reply(_ message: Reply, metadata: Metadata = Metadata()) -> Self {
    Answer(content: .reply(message, metadata))
  }

  /// Hands the call over: the caller gets what the target answers, which must be a `Reply`. State
  /// changes of the command are stored before, and stay whatever the target does.
  public static func forward<Command: Message>(
    to target: ServiceMethod, _ command: Command, metadata: Metadata = Metadata()
  ) -> Self {
    Answer(
      content: .forward(OutgoingCommand(target: target, message: command, metadata: metadata)))
  }

  /// The message of the protocol.
  func clientAction(_ codec: MessageCodec<Reply>) throws(EntityFault) -> Cloudstate_ClientAction {
    var action = Cloudstate_ClientAction()
    switch content {
    case .reply(let message, let metadata):
      action.reply = Cloudstate_Reply(try codec.pack(message), metadata: metadata)
    case .forward(let command):
      action.forward = try command.forward()
    }
    return action
  }
}
