import CloudstateProtocol
public import SwiftProtobuf

/// Handles one command: a method of the entity's service.
///
/// The closure looks at `context.state`, decides, changes the state through the context and answers.
/// It runs on the event loop of the entity's stream, one command at a time: it must not block, and it
/// needs no locks. `Context` is ``CommandContext`` for event sourced entities, ``ValueContext`` for value
/// entities and ``ReplicatedContext`` for replicated ones; the compiler finds out which.
///
/// * `throw CommandFailure(...)` fails the command in a regular way; the caller gets the text.
/// * Any other error breaks the entity's stream: the sidecar drops the instance, and the text goes to
///   the logs instead of the caller.
public struct OnCommand<Context>: Sendable {
  /// The short name of the method.
  let name: String
  /// The full names of the message types, to be compared with the service's declaration.
  let inputType: String
  let outputType: String
  /// Decodes, decides, encodes. Throws ``EntityFault`` for an unreadable payload and whatever the
  /// user's closure throws.
  let run: @Sendable (inout Context, Google_Protobuf_Any) throws -> Cloudstate_ClientAction

  /// Handles `name` with a reply message.
  public init<Command: Message, Reply: Message>(
    _ name: String,
    _ decide: @escaping @Sendable (inout Context, Command) throws -> Reply
  ) {
    let input = MessageCodec<Command>()
    let output = MessageCodec<Reply>()
    self.name = name
    self.inputType = Command.protoMessageName
    self.outputType = Reply.protoMessageName
    self.run = { context, payload in
      var action = Cloudstate_ClientAction()
      action.reply.payload = try output.pack(decide(&context, input.unpack(payload)))
      return action
    }
  }

  /// Handles `name` with a reply that has metadata, or with a forward.
  public init<Command: Message, Reply: Message>(
    _ name: String,
    _ decide: @escaping @Sendable (inout Context, Command) throws -> Answer<Reply>
  ) {
    let input = MessageCodec<Command>()
    let output = MessageCodec<Reply>()
    self.name = name
    self.inputType = Command.protoMessageName
    self.outputType = Reply.protoMessageName
    self.run = { context, payload in
      try decide(&context, input.unpack(payload)).clientAction(output)
    }
  }

  /// Handles `name` and replies `google.protobuf.Empty`.
  public init<Command: Message>(
    _ name: String,
    _ decide: @escaping @Sendable (inout Context, Command) throws -> Void
  ) {
    self.init(name) { (context: inout Context, command: Command) in
      try decide(&context, command)
      return Google_Protobuf_Empty()
    }
  }

  /// Runs the handler and sorts what it throws.
  func decide(
    _ payload: Google_Protobuf_Any, _ context: inout Context
  ) throws(EntityFault) -> Result<Cloudstate_ClientAction, CommandFailure> {
    try sortingErrors(of: name) { try run(&context, payload) }
  }
}

/// Runs a handler and sorts what it throws: regular failures are answers, anything else breaks the
/// stream.
func sortingErrors<Value>(
  of name: String, _ handler: () throws -> Value
) throws(EntityFault) -> Result<Value, CommandFailure> {
  do {
    return .success(try handler())
  } catch let failure as CommandFailure {
    return .failure(failure)
  } catch let fault as EntityFault {
    throw fault
  } catch {
    throw EntityFault("The handler of \(name) threw an unexpected error: \(error)")
  }
}
