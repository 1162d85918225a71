package import CloudstateModel
package import ReplicatedData

/// What a ``ReplicatedEntityMachine`` asks its shell to do, in order.
package enum ReplicatedAction: Sendable {
  /// Hold the entity's copy; answered with ``ReplicatedEntityMachine/copyOpened(_:isDeleted:now:into:)``.
  case openCopy
  case closeCopy
  /// Ask for permission to hold a stream; answered with ``ReplicatedEntityMachine/streamGranted(now:into:)``.
  case requestStream
  case openStream
  /// Compare the function's value with the copy: answered with
  /// ``ReplicatedEntityMachine/introduced(to:in:now:into:)``.
  case introduce
  /// Likewise: answered with ``ReplicatedEntityMachine/compared(with:in:into:)``.
  case catchUp
  /// The whole value, if there is one.
  case sendInit(FunctionDelta?)
  /// - isFirst: whether the function knew of no value before.
  case sendDelta(FunctionDelta, isFirst: Bool)
  case sendDelete
  case sendCommand(id: Int64, EntityCommand, isStreamed: Bool)
  case sendCancellation(id: Int64)
  /// Make a change; answered with ``ReplicatedEntityMachine/written(_:now:into:)`` at once, then with
  /// ``ReplicatedEntityMachine/progressed(_:_:now:into:)``.
  case write(WriteOrder)
  /// Tell a caller.
  case tell(CommandTicket, CallerNews)
  /// Run side effects that have no caller.
  case runEffects([SideEffect])
  /// Half-close the stream.
  case endStream
  /// Tear the stream down. It still ends with ``ReplicatedEntityMachine/streamEnded(_:now:into:)``.
  case resetStream
  /// The stream is gone; its slot is free for another entity.
  case releaseStream
  /// A stream was granted and is not wanted any more: another entity may have it.
  case declineStream
  /// Tell the user function what it did wrong (`reportError`).
  case report(String)
  /// Nothing is left to do: forget the entity.
  case retire
}

/// What a caller of a replicated entity gets.
package enum CallerNews: Sendable {
  /// A reply or a further message of a streamed command; the last one of the call if so marked.
  case answer(CommandAnswer, isLast: Bool)
  /// No more messages: `nil` for a normal end.
  case end(CommandError?)
}

/// A change that a function made.
package struct WriteOrder: Sendable {
  /// `nil` deletes the entity.
  package var delta: FunctionDelta?
  /// What the function had been told of.
  package var seen: CausalContext
  package var consistency: WriteConsistency
}
