package import CloudstateModel
package import ShardStore

/// What a user function says on an entity's stream, in words of our own (protocol section 3.1).
package enum FunctionMessage: Hashable, Sendable {
  case reply(FunctionReply)
  /// `Failure` on the stream itself: the entity is broken.
  case failure(commandID: Int64, description: String)
  /// A message whose oneof is unset.
  case empty
}

/// The function's answer to one command.
package struct FunctionReply: Hashable, Sendable {
  package var commandID: Int64
  package var action: FunctionAction
  package var events: [OpaquePayload]
  package var snapshot: OpaquePayload?
  package var sideEffects: [SideEffect]

  package init(
    commandID: Int64, action: FunctionAction, events: [OpaquePayload] = [],
    snapshot: OpaquePayload? = nil, sideEffects: [SideEffect] = []
  ) {
    self.commandID = commandID
    self.action = action
    self.events = events
    self.snapshot = snapshot
    self.sideEffects = sideEffects
  }
}

/// `ClientAction` (protocol section 2.3).
package enum FunctionAction: Hashable, Sendable {
  /// `nil` when the function answered without a message.
  case reply(ReplyPayload?)
  case forward(FunctionCall)
  case failure(description: String, restart: Bool)
}
