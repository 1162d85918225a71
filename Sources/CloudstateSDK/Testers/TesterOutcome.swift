import CloudstateProtocol
public import SwiftProtobuf

/// What a command under test came to, apart from its state change.
public struct TesterOutcome: Sendable {
  private var action = Cloudstate_ClientAction()

  /// The side effects of the command, in order; none if it failed.
  public private(set) var effects: [SentCommand] = []

  /// Before the first command, and after a failure.
  init() {}

  init(action: Cloudstate_ClientAction, sideEffects: [Cloudstate_SideEffect]) {
    self.action = action
    self.effects = sideEffects.map { SentCommand($0) }
  }

  /// The metadata of the reply.
  public var replyMetadata: Metadata { Metadata(action.reply.metadata) }

  /// The reply. Throws ``TesterFault`` if it is of another type, or the command was forwarded.
  public func reply<Reply: Message>(_ type: Reply.Type) throws(TesterFault) -> Reply {
    switch action.action {
    case .reply(let reply):
      return try TesterFault.converting { () throws(EntityFault) in
        try MessageCodec<Reply>().unpack(reply.payload)
      }
    case .forward(let forward):
      throw TesterFault(
        description: "The command was forwarded to \(SentCommand(forward).target).")
    case .failure, nil: throw TesterFault(description: "The command was not answered.")
    }
  }

  /// Where the command was forwarded. Throws ``TesterFault`` if it was answered.
  public func forward() throws(TesterFault) -> SentCommand {
    guard case .forward(let forward) = action.action else {
      throw TesterFault(
        description: "The command was answered with \(action.reply.payload.typeURL).")
    }
    return SentCommand(forward)
  }
}

extension Cloudstate_Command {
  /// A command as a sidecar would send it.
  init<Payload: Message>(
    _ name: String, _ command: Payload, _ metadata: Metadata, id: Int64, entityID: String
  ) throws(EntityFault) {
    self.init()
    self.entityID = entityID
    self.id = id
    self.name = name
    self.payload = try MessageCodec<Payload>().pack(command)
    self.metadata = metadata.message
  }
}
