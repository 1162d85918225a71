import CloudstateProtocol
public import SwiftProtobuf

/// Runs one instance of a value entity in a test, without server and sidecar. It does what they would
/// do: it stores the value as bytes and starts the instance anew from them, on demand.
///
/// ```swift
/// var profile = try ValueEntityTester<Profiles>()
/// try profile.send("Rename", Rename.with { $0.name = "Ada" })
/// #expect(profile.state?.name == "Ada")
/// #expect(throws: CommandFailure.self) { try profile.send("Rename", Rename()) }
/// ```
public struct ValueEntityTester<Entity: ValueEntity> {
  private let entityID: String
  private let behavior: ValueBehavior<Entity.State>
  private var instance: ValueInstance<Entity.State>
  private var stored: Google_Protobuf_Any?
  private var lastCommandID: Int64 = 0
  private var outcome = TesterOutcome()

  /// An instance with a stored value, or with none.
  public init(entityID: String = "test", state: Entity.State? = nil) throws {
    self.entityID = entityID
    let behavior = Entity.behavior
    self.behavior = behavior
    (stored, instance) = try TesterFault.converting { () throws(EntityFault) in
      var stored: Google_Protobuf_Any?
      if let state { stored = try MessageCodec<Entity.State>().pack(state) }
      return (stored, try ValueInstance(entityID: entityID, value: stored, behavior: behavior))
    }
  }

  /// The value; `nil` if there is none.
  public var state: Entity.State? { instance.state }

  /// Whether the last command has updated or deleted the value.
  public private(set) var wasStored = false

  /// The side effects of the last command, in order; none if it failed.
  public var effects: [SentCommand] { outcome.effects }

  /// The metadata of the last reply.
  public var replyMetadata: Metadata { outcome.replyMetadata }

  /// Sends a command and answers the reply, which is `google.protobuf.Empty` unless said otherwise.
  ///
  /// Throws ``CommandFailure`` if the handler failed the command, and ``TesterFault`` if the stream would
  /// break: an unknown command, a payload or reply of another type; and if the command was forwarded.
  @discardableResult
  public mutating func send<Command: Message, Reply: Message>(
    _ name: String, _ command: Command, metadata: Metadata = Metadata(),
    returning: Reply.Type = Google_Protobuf_Empty.self
  ) throws -> Reply {
    try handle(name, command, metadata)
    return try outcome.reply()
  }

  /// Sends a command that the entity hands over to another service, and answers what it sends there.
  ///
  /// Throws as ``send(_:_:metadata:returning:)``, and ``TesterFault`` if the command was answered.
  @discardableResult
  public mutating func forward<Command: Message>(
    _ name: String, _ command: Command, metadata: Metadata = Metadata()
  ) throws -> SentCommand {
    try handle(name, command, metadata)
    return try outcome.forward()
  }

  /// Starts the instance anew from what is stored, as a new activation does.
  public mutating func restart() throws {
    instance = try TesterFault.converting { () throws(EntityFault) in
      try ValueInstance(entityID: entityID, value: stored, behavior: behavior)
    }
  }

  private mutating func handle<Command: Message>(
    _ name: String, _ command: Command, _ metadata: Metadata
  ) throws {
    lastCommandID += 1
    outcome = TesterOutcome()
    wasStored = false
    let reply = try TesterFault.converting { () throws(EntityFault) in
      try instance.handle(
        Cloudstate_Command(name, command, metadata, id: lastCommandID, entityID: entityID))
    }
    if case .failure(let failure) = reply.clientAction.action {
      throw CommandFailure(failure.description_p)
    }
    outcome = TesterOutcome(action: reply.clientAction, sideEffects: reply.sideEffects)
    switch reply.stateAction.action {
    case .update(let update): stored = update.value
    case .delete: stored = nil
    case nil: return
    }
    wasStored = true
  }
}
