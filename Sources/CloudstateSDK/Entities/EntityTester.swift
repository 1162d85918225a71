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
  /// What a tester throws for mistakes.
  public typealias Fault = TesterFault

  private let entityID: String
  private let behavior: Behavior<Entity>
  private var instance: EntityInstance<Entity>
  private var journal: [Google_Protobuf_Any] = []
  private var snapshot: Cloudstate_Eventsourced_EventSourcedSnapshot?
  private var lastCommandID: Int64 = 0
  private var lastEvents: [Google_Protobuf_Any] = []
  private var outcome = TesterOutcome()

  /// An instance without events.
  public init(entityID: String = "test") throws {
    self.entityID = entityID
    self.behavior = Entity.behavior
    self.instance = try TesterFault.converting { () throws(EntityFault) in
      try EntityInstance(entityID: entityID, snapshot: nil, behavior: Entity.behavior)
    }
  }

  /// The state after all stored events.
  public var state: Entity { instance.state }

  /// How many events are stored.
  public var eventCount: Int { journal.count }

  /// How many of the stored events the newest snapshot covers; `nil` without a snapshot.
  public var snapshotSequence: Int? { snapshot.map { Int($0.snapshotSequence) } }

  /// The side effects of the last command, in order; none if it failed.
  public var effects: [SentCommand] { outcome.effects }

  /// The metadata of the last reply.
  public var replyMetadata: Metadata { outcome.replyMetadata }

  /// Whether the last command failed after it had emitted events.
  public private(set) var wasRestarted = false

  /// Sends a command and answers the reply, which is `google.protobuf.Empty` unless said otherwise.
  ///
  /// Throws ``CommandFailure`` if the handler failed the command, and ``TesterFault`` if the stream would
  /// break: an unknown command, a payload or reply of another type, an event without handler; and if
  /// the command was forwarded.
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

  /// The events of one type that the last command emitted; none if it failed.
  public func emitted<Event: Message>(_ type: Event.Type) throws -> [Event] {
    let codec = MessageCodec<Event>()
    return try TesterFault.converting { () throws(EntityFault) in
      var events: [Event] = []
      for event in lastEvents where event.typeURL == codec.typeURL {
        events.append(try codec.unpack(event))
      }
      return events
    }
  }

  /// Rebuilds the instance from its newest snapshot and the events after it, as a new activation does.
  public mutating func restart() throws {
    instance = try TesterFault.converting { () throws(EntityFault) in
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

  private mutating func handle<Command: Message>(
    _ name: String, _ command: Command, _ metadata: Metadata
  ) throws {
    lastCommandID += 1
    lastEvents = []
    outcome = TesterOutcome()
    wasRestarted = false
    let reply = try TesterFault.converting { () throws(EntityFault) in
      try instance.handle(
        Cloudstate_Command(name, command, metadata, id: lastCommandID, entityID: entityID))
    }
    if case .failure(let failure) = reply.clientAction.action {
      if failure.restart {
        try restart()
        wasRestarted = true
      }
      throw CommandFailure(failure.description_p)
    }
    outcome = TesterOutcome(action: reply.clientAction, sideEffects: reply.sideEffects)
    store(reply)
  }
}
