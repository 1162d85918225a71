import CloudstateProtocol
public import SwiftProtobuf

/// What a command handler sees and may do. Valid while the handler runs.
public struct CommandContext<Entity: EventSourcedEntity> {
  /// The state with every event emitted so far, also those of the running command.
  public private(set) var state: Entity

  /// The instance that the command is for.
  public let entityID: String

  /// The short name of the method that was called.
  public private(set) var commandName = ""

  /// The number of the newest event in ``state``; 0 before the first.
  public private(set) var sequence: Int64

  /// Request headers, as far as the sidecar passes them on.
  public private(set) var metadata = Metadata()

  /// The events of the running command, encoded, in order.
  private(set) var emitted: [Google_Protobuf_Any] = []
  /// The side effects of the running command.
  private(set) var effects = OutgoingEffects()
  /// The first misuse of ``emit(_:)`` in the running command; it breaks the stream when the handler
  /// returns, so that emitting needs no `try`.
  private var emitFault: EntityFault?
  /// What was misused in the running command.
  var fault: EntityFault? { emitFault ?? effects.fault }
  /// Whether an event of the running command has a number at which a snapshot is taken.
  private(set) var isSnapshotDue = false

  private let behavior: Behavior<Entity>

  init(entityID: String, state: Entity, sequence: Int64, behavior: Behavior<Entity>) {
    self.entityID = entityID
    self.state = state
    self.sequence = sequence
    self.behavior = behavior
  }

  /// Adds an event and applies it to ``state`` at once. It is stored, together with all others of
  /// the command, before the caller gets the reply. If the command fails afterwards, nothing is
  /// stored, and the sidecar rebuilds the instance from its stored events.
  ///
  /// The behavior must have an ``OnEvent`` for the type; otherwise the stream breaks with a message
  /// that says so.
  public mutating func emit<Event: Message>(_ event: Event) {
    emit(event, named: Event.protoMessageName)
  }

  /// Adds an event that is no protobuf message, such as JSON, and applies it, as ``emit(_:)`` does.
  public mutating func emit<Event: PlainPayload>(_ event: Event) {
    emit(event, named: Event.payloadTypeURL)
  }

  private mutating func emit<Event: Sendable>(_ event: Event, named name: String) {
    guard emitFault == nil else { return }
    guard let handler = behavior.eventsByType[ObjectIdentifier(Event.self)] else {
      emitFault = EntityFault("The command \(commandName) emitted \(name), which has no OnEvent.")
      return
    }
    do throws(EntityFault) {
      emitted.append(try handler.record(event, &state))
      advance()
    } catch {
      emitFault = error
    }
  }

  /// Adds a command for another service of the same server, sent once the events of this command are
  /// stored. Its result never changes the result of this command; if this command fails, it is not
  /// sent.
  ///
  /// - Parameters:
  ///   - target: The method, such as `"example.Mail/Send"`. A name of another form breaks the stream
  ///     with a message that says so.
  ///   - synchronous: Whether the caller gets its answer only after the effect is done.
  public mutating func effect<Command: Message>(
    to target: ServiceMethod, _ command: Command, synchronous: Bool = false,
    metadata: Metadata = Metadata()
  ) {
    effects.add(command, to: target, synchronous: synchronous, metadata: metadata)
  }

  /// Forgets the previous command and starts the next.
  mutating func begin(_ command: Cloudstate_Command) {
    commandName = command.name
    metadata = Metadata(command.metadata)
    emitted.removeAll()
    effects.clear()
    emitFault = nil
    isSnapshotDue = false
  }

  /// Applies a stored event.
  mutating func replay(_ payload: Google_Protobuf_Any, with handler: OnEvent<Entity>)
    throws(EntityFault)
  {
    try handler.replay(payload, &state)
    sequence &+= 1
  }

  private mutating func advance() {
    sequence &+= 1
    if Entity.snapshotEvery > 0, sequence % Int64(Entity.snapshotEvery) == 0 {
      isSnapshotDue = true
    }
  }
}
