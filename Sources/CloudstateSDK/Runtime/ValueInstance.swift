import CloudstateProtocol
import SwiftProtobuf

/// One activated value entity, without its Swift type.
protocol ActiveValueEntity {
  /// Decides a command.
  mutating func handle(_ command: Cloudstate_Command) throws(EntityFault)
    -> Cloudstate_Valueentity_ValueEntityReply
}

/// One activated value entity. Pure: no I/O, no clock.
///
/// Invariant: between commands the state is what the sidecar was last told to store. A failed command
/// leaves no trace, so there is never a reason to restart.
struct ValueInstance<State: Message>: ActiveValueEntity {
  private var context: ValueContext<State>
  private let behavior: ValueBehavior<State>
  private let codec = MessageCodec<State>()

  /// The state; for tests of entities.
  var state: State? { context.state }

  /// Starts from the stored value, or from nothing.
  init(
    entityID: String, value: Google_Protobuf_Any?, behavior: ValueBehavior<State>
  ) throws(EntityFault) {
    var state: State?
    if let value { state = try codec.unpack(value) }
    self.behavior = behavior
    self.context = ValueContext(entityID: entityID, state: state)
  }

  mutating func handle(_ command: Cloudstate_Command) throws(EntityFault)
    -> Cloudstate_Valueentity_ValueEntityReply
  {
    guard let handler = behavior.commands[command.name] else {
      throw EntityFault("There is no OnCommand for '\(command.name)'.")
    }
    context.begin(command)
    let outcome = try handler.decide(command.payload, &context)
    if let fault = context.effects.fault { throw fault }
    var reply = Cloudstate_Valueentity_ValueEntityReply()
    reply.commandID = command.id
    switch outcome {
    case .success(let action):
      reply.clientAction = action
      reply.sideEffects = context.effects.messages
      if context.isChanged { reply.stateAction = try stateAction() }
      context.commit()
    case .failure(let failure):
      reply.clientAction.failure.commandID = command.id
      reply.clientAction.failure.description_p = failure.description
      context.rollBack()
    }
    return reply
  }

  private func stateAction() throws(EntityFault) -> Cloudstate_Valueentity_ValueEntityAction {
    var action = Cloudstate_Valueentity_ValueEntityAction()
    if let state = context.state {
      action.update.value = try codec.pack(state)
    } else {
      action.delete = Cloudstate_Valueentity_ValueEntityDelete()
    }
    return action
  }
}
