import CloudstateProtocol
public import SwiftProtobuf

/// What a tester throws for an error in the entity or in the test, never for an expected outcome.
public struct TesterFault: Error, CustomStringConvertible, Sendable {
  /// What is wrong, as the server would report it.
  public let description: String

  /// Turns the internal error into the public one.
  static func converting<Value>(
    _ body: () throws(EntityFault) -> Value
  ) throws(TesterFault) -> Value {
    do { return try body() } catch { throw TesterFault(description: error.description) }
  }
}

/// A command that an entity under test sent to another service.
public struct SentCommand: Sendable {
  /// Where it goes.
  public let target: ServiceMethod
  /// What travels beside it.
  public let metadata: Metadata
  /// Whether the sender's caller waits for it; `false` for a forward.
  public let isSynchronous: Bool
  private let payload: Google_Protobuf_Any

  /// The command itself. Throws ``TesterFault`` if it is of another type.
  public func message<Command: Message>(_ type: Command.Type = Command.self) throws -> Command {
    try TesterFault.converting { () throws(EntityFault) in
      try MessageCodec<Command>().unpack(payload)
    }
  }

  init(_ forward: Cloudstate_Forward) {
    target = ServiceMethod("\(forward.serviceName)/\(forward.commandName)")
    metadata = Metadata(forward.metadata)
    isSynchronous = false
    payload = forward.payload
  }

  init(_ effect: Cloudstate_SideEffect) {
    target = ServiceMethod("\(effect.serviceName)/\(effect.commandName)")
    metadata = Metadata(effect.metadata)
    isSynchronous = effect.synchronous
    payload = effect.payload
  }
}

/// What a command under test came to, apart from its state change.
struct TesterOutcome {
  private var action = Cloudstate_ClientAction()
  private(set) var effects: [SentCommand] = []

  /// Before the first command, and after a failure.
  init() {}

  init(action: Cloudstate_ClientAction, sideEffects: [Cloudstate_SideEffect]) {
    self.action = action
    self.effects = sideEffects.map { SentCommand($0) }
  }

  var replyMetadata: Metadata { Metadata(action.reply.metadata) }

  func reply<Reply: Message>() throws(TesterFault) -> Reply {
    guard case .reply(let reply) = action.action else {
      throw TesterFault(
        description: "The command was forwarded to \(SentCommand(action.forward).target).")
    }
    return try TesterFault.converting { () throws(EntityFault) in
      try MessageCodec<Reply>().unpack(reply.payload)
    }
  }

  func forward() throws(TesterFault) -> SentCommand {
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
