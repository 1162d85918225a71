import CloudstateProtocol
public import SwiftProtobuf

/// A command that an entity or action under test sent to another service.
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
