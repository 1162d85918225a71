import CloudstateProtocol
public import SwiftProtobuf

/// Handles a command whose caller gets answers until one side ends the stream: a method of the entity's
/// service that streams its responses.
///
/// ```swift
/// OnStreamedCommand("Monitor") { (context, _: User) -> StreamedAnswer<Vote, Status> in
///   var wasOnline = context.state.isAtLeastOne
///   return .open(Status(wasOnline)).onChange { change in
///     guard change.state.isAtLeastOne != wasOnline else { return nil }
///     wasOnline.toggle()
///     return Status(wasOnline)
///   }
/// }
/// ```
///
/// What holds for the closure of ``OnCommand`` holds for this one and for those of its answer.
public struct OnStreamedCommand<State: ReplicatedValue>: Sendable {
  /// The short name of the method.
  let name: String
  /// The full names of the message types, to be compared with the service's declaration.
  let inputType: String
  let outputType: String
  /// Decodes, decides, encodes. Throws ``EntityFault`` for an unreadable payload and whatever the
  /// user's closure throws.
  private let run:
    @Sendable (inout ReplicatedContext<State>, Google_Protobuf_Any) throws -> StartedStream<State>

  /// Handles `name`.
  public init<Command: Message, Reply: Message>(
    _ name: String,
    _ decide:
      @escaping @Sendable (inout ReplicatedContext<State>, Command) throws
      -> StreamedAnswer<State, Reply>
  ) {
    let input = MessageCodec<Command>()
    let output = MessageCodec<Reply>()
    self.name = name
    self.inputType = Command.protoMessageName
    self.outputType = Reply.protoMessageName
    self.run = { context, payload in
      try decide(&context, input.unpack(payload)).started(output)
    }
  }

  /// Runs the handler and sorts what it throws.
  func decide(
    _ payload: Google_Protobuf_Any, _ context: inout ReplicatedContext<State>
  ) throws(EntityFault) -> Result<StartedStream<State>, CommandFailure> {
    try sortingErrors(of: name) { try run(&context, payload) }
  }
}
