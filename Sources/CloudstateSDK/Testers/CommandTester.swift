public import SwiftProtobuf

/// What the testers of all kinds of entities share: sending commands, and looking at what became of
/// them.
public protocol CommandTester {
  /// What the last command came to.
  var outcome: TesterOutcome { get }

  /// Runs a command; what it came to is then in ``outcome``.
  ///
  /// Throws ``CommandFailure`` if the handler failed the command, and ``TesterFault`` if the stream would
  /// break: an unknown command, a payload of another type, an unexpected error in the handler.
  mutating func run<Command: Message>(_ name: String, _ command: Command, metadata: Metadata) throws
}

extension CommandTester {
  /// The side effects of the last command, in order; none if it failed.
  public var effects: [SentCommand] { outcome.effects }

  /// The metadata of the last reply.
  public var replyMetadata: Metadata { outcome.replyMetadata }

  /// Sends a command and answers the reply, which is `google.protobuf.Empty` unless said otherwise.
  ///
  /// Throws as ``run(_:_:metadata:)``, and ``TesterFault`` if the reply is of another type or the command
  /// was forwarded.
  @discardableResult
  public mutating func send<Command: Message, Reply: Message>(
    _ name: String, _ command: Command, metadata: Metadata = Metadata(),
    returning: Reply.Type = Google_Protobuf_Empty.self
  ) throws -> Reply {
    try run(name, command, metadata: metadata)
    return try outcome.reply(Reply.self)
  }

  /// Sends a command that the entity hands over to another service, and answers what it sends there.
  ///
  /// Throws as ``run(_:_:metadata:)``, and ``TesterFault`` if the command was answered.
  @discardableResult
  public mutating func forward<Command: Message>(
    _ name: String, _ command: Command, metadata: Metadata = Metadata()
  ) throws -> SentCommand {
    try run(name, command, metadata: metadata)
    return try outcome.forward()
  }
}
