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
public struct ValueEntityTester<Entity: ValueEntity>: CommandTester {
  private let entityID: String
  private let behavior: ValueBehavior<Entity.State>
  private var instance: ValueInstance<Entity.State>
  private var stored: Google_Protobuf_Any?
  private var lastCommandID: Int64 = 0

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

  /// What the last command came to.
  public private(set) var outcome = TesterOutcome()

  /// Whether the last command has updated or deleted the value.
  public private(set) var wasStored = false

  /// Starts the instance anew from what is stored, as a new activation does.
  public mutating func restart() throws {
    instance = try TesterFault.converting { () throws(EntityFault) in
      try ValueInstance(entityID: entityID, value: stored, behavior: behavior)
    }
  }

  /// Runs a command; what it came to is then in ``outcome``.
  public mutating func run<Command: Message>(
    _ name: String, _ command: Command, metadata: Metadata
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
