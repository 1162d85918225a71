package import CloudstateModel
package import ReplicatedData

/// What a user function says on the stream of a replicated entity, in words of our own (protocol section 5).
package enum ReplicatedMessage: Hashable, Sendable {
  case reply(ReplicatedReply)
  /// A further message for an accepted streamed command.
  case streamed(StreamedMessage)
  case cancellationAnswered(CancellationAnswer)
  /// Of one command, or with id 0 of the whole stream.
  case failure(commandID: Int64, description: String)
  /// A message whose oneof is unset.
  case empty
}

/// `CrdtReply`.
package struct ReplicatedReply: Hashable, Sendable {
  package var commandID: Int64
  /// `nil` where a streamed command has nothing to say yet.
  package var action: FunctionAction?
  package var sideEffects: [SideEffect]
  package var change: RequestedChange?
  /// Whether a streamed command goes on.
  package var isStreamed: Bool

  package init(
    commandID: Int64, action: FunctionAction?, sideEffects: [SideEffect] = [],
    change: RequestedChange? = nil, isStreamed: Bool = false
  ) {
    self.commandID = commandID
    self.action = action
    self.sideEffects = sideEffects
    self.change = change
    self.isStreamed = isStreamed
  }
}

/// `CrdtStreamedMessage`.
package struct StreamedMessage: Hashable, Sendable {
  package var commandID: Int64
  package var action: FunctionAction?
  package var sideEffects: [SideEffect]
  package var endsStream: Bool

  package init(
    commandID: Int64, action: FunctionAction?, sideEffects: [SideEffect] = [],
    endsStream: Bool = false
  ) {
    self.commandID = commandID
    self.action = action
    self.sideEffects = sideEffects
    self.endsStream = endsStream
  }
}

/// `CrdtStreamCancelledResponse`.
package struct CancellationAnswer: Hashable, Sendable {
  package var commandID: Int64
  package var sideEffects: [SideEffect]
  package var change: RequestedChange?

  package init(
    commandID: Int64, sideEffects: [SideEffect] = [], change: RequestedChange? = nil
  ) {
    self.commandID = commandID
    self.sideEffects = sideEffects
    self.change = change
  }
}

/// `CrdtStateAction`.
package struct RequestedChange: Hashable, Sendable {
  package enum Change: Hashable, Sendable {
    case update(FunctionDelta)
    case delete
    /// A state action or a delta whose oneof is unset.
    case unreadable
  }

  package var change: Change
  package var consistency: WriteConsistency

  package init(_ change: Change, consistency: WriteConsistency = .local) {
    self.change = change
    self.consistency = consistency
  }
}
