import CloudstateProtocol
public import SwiftProtobuf

/// Runs one entity instance in a test, without server and sidecar. It does what they would do: it
/// stores events and snapshots as bytes, rebuilds the instance after a failure that asks for it, and
/// on demand.
///
/// ```swift
/// var counter = try EntityTester<Counter>()
/// try counter.send("Add", Amount.with { $0.value = 2 })
/// #expect(counter.state.total == 2)
/// #expect(try counter.emitted(Added.self).map(\.value) == [2])
/// #expect(throws: CommandFailure.self) { try counter.send("Add", Amount()) }
/// ```
public struct EntityTester<Entity: EventSourcedEntity> {
  /// What made the entity's stream break: an error in the entity or in the test, never an expected
  /// outcome.
  public struct Fault: Error, CustomStringConvertible, Sendable {
    /// What is wrong, as the server would report it.
    public let description: String
  }

  private let entityID: String
  private let behavior: Behavior<Entity>
  private var instance: EntityInstance<Entity>
  private var journal: [Google_Protobuf_Any] = []
  private var snapshot: Cloudstate_Eventsourced_EventSourcedSnapshot?
  private var lastCommandID: Int64 = 0
  private var lastEvents: [Google_Protobuf_Any] = []

  /// An instance without events.
  public init(entityID: String = "test") throws {
    self.entityID = entityID
    self.behavior = Entity.behavior
    self.instance = try Self.faults { () throws(EntityFault) in
      try EntityInstance(entityID: entityID, snapshot: nil, behavior: Entity.behavior)
    }
  }

  /// The state after all stored events.
  public var state: Entity { instance.state }

  /// How many events are stored.
  public var eventCount: Int { journal.count }

  /// How many of the stored events the newest snapshot covers; `nil` without a snapshot.
  public var snapshotSequence: Int? { snapshot.map { Int($0.snapshotSequence) } }

  /// Whether the last command failed after it had emitted events.
  public private(set) var wasRestarted = false

  /// Sends a command and answers the reply, which is `google.protobuf.Empty` unless said otherwise.
  ///
  /// Throws ``CommandFailure`` if the handler failed the command, and ``Fault`` if the stream would
  /// break: an unknown command, a payload or reply of another type, an event without handler.
  @discardableResult
  public mutating func send<Command: Message, Reply: Message>(
    _ name: String, _ command: Command, returning: Reply.Type = Google_Protobuf_Empty.self
  ) throws -> Reply {
    lastCommandID += 1
    lastEvents = []
    wasRestarted = false
    var message = Cloudstate_Command()
    message.entityID = entityID
    message.id = lastCommandID
    message.name = name
    let reply = try Self.faults { () throws(EntityFault) in
      message.payload = try MessageCodec<Command>().pack(command)
      return try instance.handle(message)
    }
    if case .failure(let failure) = reply.clientAction.action {
      if failure.restart {
        try restart()
        wasRestarted = true
      }
      throw CommandFailure(failure.description_p)
    }
    store(reply)
    return try Self.faults { () throws(EntityFault) in
      try MessageCodec<Reply>().unpack(reply.clientAction.reply.payload)
    }
  }

  /// The events of one type that the last command emitted; none if it failed.
  public func emitted<Event: Message>(_ type: Event.Type) throws -> [Event] {
    let codec = MessageCodec<Event>()
    return try Self.faults { () throws(EntityFault) in
      var events: [Event] = []
      for event in lastEvents where event.typeURL == codec.typeURL {
        events.append(try codec.unpack(event))
      }
      return events
    }
  }

  /// Rebuilds the instance from its newest snapshot and the events after it, as a new activation does.
  public mutating func restart() throws {
    instance = try Self.faults { () throws(EntityFault) in
      var recovered = try EntityInstance(
        entityID: entityID, snapshot: snapshot, behavior: behavior)
      for (index, payload) in journal.enumerated().dropFirst(snapshotSequence ?? 0) {
        var event = Cloudstate_Eventsourced_EventSourcedEvent()
        event.sequence = Int64(index + 1)
        event.payload = payload
        try recovered.replay(event)
      }
      return recovered
    }
  }

  private mutating func store(_ reply: Cloudstate_Eventsourced_EventSourcedReply) {
    lastEvents = reply.events
    journal += reply.events
    if reply.hasSnapshot {
      var stored = Cloudstate_Eventsourced_EventSourcedSnapshot()
      stored.snapshotSequence = Int64(journal.count)
      stored.snapshot = reply.snapshot
      snapshot = stored
    }
  }

  /// Turns the internal error into the public one.
  private static func faults<Value>(_ body: () throws(EntityFault) -> Value) throws(Fault) -> Value
  {
    do { return try body() } catch { throw Fault(description: error.description) }
  }
}
