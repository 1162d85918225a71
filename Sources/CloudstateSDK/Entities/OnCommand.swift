public import SwiftProtobuf

/// Handles one command: a method of the entity's service.
///
/// The closure looks at `context.state`, decides, emits events and answers. It runs on the event loop
/// of the entity's stream, one command at a time: it must not block, and it needs no locks.
///
/// * `throw CommandFailure(...)` fails the command in a regular way; the caller gets the text.
/// * Any other error breaks the entity's stream: the sidecar drops the instance, and the text goes to
///   the logs instead of the caller.
public struct OnCommand<Entity: EventSourcedEntity>: Sendable {
  /// The short name of the method.
  let name: String
  /// The full names of the message types, to be compared with the service's declaration.
  let inputType: String
  let outputType: String
  /// Decodes, decides, encodes. Throws ``EntityFault`` for an unreadable payload and whatever the
  /// user's closure throws.
  let run:
    @Sendable (inout CommandContext<Entity>, Google_Protobuf_Any) throws -> Google_Protobuf_Any

  /// Handles `name` with a reply message.
  public init<Command: Message, Reply: Message>(
    _ name: String,
    _ decide: @escaping @Sendable (inout CommandContext<Entity>, Command) throws -> Reply
  ) {
    let input = MessageCodec<Command>()
    let output = MessageCodec<Reply>()
    self.name = name
    self.inputType = Command.protoMessageName
    self.outputType = Reply.protoMessageName
    self.run = { context, payload in
      try output.pack(decide(&context, input.unpack(payload)))
    }
  }

  /// Handles `name` and replies `google.protobuf.Empty`.
  public init<Command: Message>(
    _ name: String,
    _ decide: @escaping @Sendable (inout CommandContext<Entity>, Command) throws -> Void
  ) {
    self.init(name) { (context: inout CommandContext<Entity>, command: Command) in
      try decide(&context, command)
      return Google_Protobuf_Empty()
    }
  }
}
