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
public struct EntityTester<Entity: EventSourcedEntity>: CommandTester {
  /// What a tester throws for mistakes.
  public typealias Fault = TesterFault

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

  /// What the last command came to.
  public private(set) var outcome = TesterOutcome()

  /// Whether the last command failed after it had emitted events.
  public private(set) var wasRestarted = false

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

  /// The events of one type that is no protobuf message, such as JSON, that the last command emitted.
  public func emitted<Event: PlainPayload>(_ type: Event.Type) throws -> [Event] {
    try lastEvents.filter { $0.typeURL == Event.payloadTypeURL }.map { try $0.payload() }
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

  /// Runs a command; what it came to is then in ``outcome``.
  public mutating func run<Command: Message>(
    _ name: String, _ command: Command, metadata: Metadata
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
