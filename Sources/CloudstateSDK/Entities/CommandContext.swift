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
  /// The side effects of the running command, encoded, in order.
  private(set) var effects: [Cloudstate_SideEffect] = []
  /// The first misuse of ``emit(_:)`` or ``effect(to:_:synchronous:metadata:)`` in the running command;
  /// it breaks the stream when the handler returns, so that neither needs a `try`.
  private(set) var fault: EntityFault?
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
    guard fault == nil else { return }
    guard let handler = behavior.eventsByType[ObjectIdentifier(Event.self)] else {
      fault = EntityFault(
        "The command \(commandName) emitted \(Event.protoMessageName), which has no OnEvent.")
      return
    }
    do throws(EntityFault) {
      emitted.append(try handler.record(event, &state))
      advance()
    } catch {
      fault = error
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
    guard fault == nil else { return }
    let outgoing = OutgoingCommand(target: target, message: command, metadata: metadata)
    do throws(EntityFault) {
      effects.append(try outgoing.sideEffect(synchronous: synchronous))
    } catch {
      fault = error
    }
  }

  /// Forgets the previous command and starts the next.
  mutating func begin(_ command: Cloudstate_Command) {
    commandName = command.name
    metadata = Metadata(command.metadata)
    emitted.removeAll()
    effects.removeAll()
    fault = nil
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
