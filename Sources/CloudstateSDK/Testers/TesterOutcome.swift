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

  /// The reply. Throws ``CommandFailure`` if the command was failed, and ``TesterFault`` if it was
  /// forwarded, not answered, or answered with another type.
  public func reply<Reply: Message>(_ type: Reply.Type) throws -> Reply {
    switch action.action {
    case .reply(let reply):
      return try TesterFault.converting { () throws(EntityFault) in
        try MessageCodec<Reply>().unpack(reply.payload)
      }
    case .forward(let forward):
      throw TesterFault(
        description: "The command was forwarded to \(SentCommand(forward).target).")
    case .failure(let failure): throw CommandFailure(failure.description_p)
    case nil: throw TesterFault(description: "The command was not answered.")
    }
  }

  /// Where the command was forwarded. Throws ``CommandFailure`` if it was failed, and ``TesterFault`` if it
  /// was answered.
  public func forward() throws -> SentCommand {
    switch action.action {
    case .forward(let forward): return SentCommand(forward)
    case .failure(let failure): throw CommandFailure(failure.description_p)
    case .reply(let reply):
      throw TesterFault(description: "The command was answered with \(reply.payload.typeURL).")
    case nil: throw TesterFault(description: "The command was not answered.")
    }
  }

  /// Whether there is no reply, forward or failure.
  public var isEmpty: Bool { action.action == nil }
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
