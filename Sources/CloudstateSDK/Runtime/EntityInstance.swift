import CloudstateProtocol
import SwiftProtobuf

/// One activated entity, without its Swift type.
protocol ActiveEntity {
  /// Applies a stored event; it must be the next one.
  mutating func replay(_ event: Cloudstate_Eventsourced_EventSourcedEvent) throws(EntityFault)
  /// Decides a command.
  mutating func handle(_ command: Cloudstate_Command) throws(EntityFault)
    -> Cloudstate_Eventsourced_EventSourcedReply
}

/// One activated entity: its state and the number of its newest event. Pure: no I/O, no clock.
///
/// Invariant: the state is the snapshot plus all events replayed or emitted since, except after a
/// reply that asks for a restart. There it is polluted, and the instance must not be used again;
/// keeping a copy to roll back to would make every first change of a command copy the state.
struct EntityInstance<Entity: EventSourcedEntity>: ActiveEntity {
  private var context: CommandContext<Entity>
  private let behavior: Behavior<Entity>

  /// The state; for tests of entities.
  var state: Entity { context.state }
  /// The number of the newest event in the state.
  var sequence: Int64 { context.sequence }

  /// Starts from a snapshot or from nothing.
  init(
    entityID: String, snapshot: Cloudstate_Eventsourced_EventSourcedSnapshot?,
    behavior: Behavior<Entity>
  ) throws(EntityFault) {
    var state = Entity()
    if let snapshot {
      guard let snapshots = behavior.snapshots else {
        throw EntityFault(
          "There is a snapshot of \(snapshot.snapshot.typeURL), but the behavior has no Snapshots.")
      }
      guard snapshot.snapshotSequence >= 0 else {
        throw EntityFault("A snapshot has the event number \(snapshot.snapshotSequence).")
      }
      state = try snapshots.restore(snapshot.snapshot)
    }
    self.behavior = behavior
    self.context = CommandContext(
      entityID: entityID, state: state, sequence: snapshot?.snapshotSequence ?? 0,
      behavior: behavior)
  }

  /// Events are numbered from 1 without gaps (protocol section 3.1): a gap would be a lost event, and
  /// deciding on such a state could store nonsense.
  mutating func replay(_ event: Cloudstate_Eventsourced_EventSourcedEvent) throws(EntityFault) {
    guard event.sequence == context.sequence &+ 1 else {
      throw EntityFault(
        "Event \(event.sequence) was replayed after event \(context.sequence).")
    }
    guard let handler = behavior.eventHandler(forURL: event.payload.typeURL) else {
      throw EntityFault(
        "Event \(event.sequence) has type '\(event.payload.typeURL)', which has no OnEvent.")
    }
    try context.replay(event.payload, with: handler)
  }

  mutating func handle(_ command: Cloudstate_Command) throws(EntityFault)
    -> Cloudstate_Eventsourced_EventSourcedReply
  {
    guard let handler = behavior.commands[command.name] else {
      throw EntityFault("There is no OnCommand for '\(command.name)'.")
    }
    context.begin(command)
    let outcome = try handler.decide(command.payload, &context)
    if let fault = context.fault { throw fault }
    return try reply(to: command.id, with: outcome)
  }

  private func reply(
    to commandID: Int64, with outcome: Result<Cloudstate_ClientAction, CommandFailure>
  ) throws(EntityFault) -> Cloudstate_Eventsourced_EventSourcedReply {
    var reply = Cloudstate_Eventsourced_EventSourcedReply()
    reply.commandID = commandID
    switch outcome {
    case .success(let action):
      reply.clientAction = action
      reply.sideEffects = context.effects.messages
      reply.events = context.emitted
      if context.isSnapshotDue, let snapshots = behavior.snapshots {
        reply.snapshot = try snapshots.save(context.state)
      }
    case .failure(let failure):
      var message = Cloudstate_Failure()
      message.commandID = commandID
      message.description_p = failure.description
      message.restart = !context.emitted.isEmpty
      reply.clientAction.failure = message
    }
    return reply
  }
}
