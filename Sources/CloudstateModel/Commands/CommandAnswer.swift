/// What became of a command.
package struct CommandAnswer: Hashable, Sendable {
  package var outcome: CommandOutcome
  /// Where the command's events lie, if it had any.
  package var commitment: Commitment?
  /// To be run, in order, before the outcome is released.
  package var effects: [SideEffect]

  package init(
    _ outcome: CommandOutcome, commitment: Commitment? = nil, effects: [SideEffect] = []
  ) {
    self.outcome = outcome
    self.commitment = commitment
    self.effects = effects
  }

  package static func error(_ error: CommandError) -> CommandAnswer {
    CommandAnswer(.error(error))
  }
}

package enum CommandOutcome: Hashable, Sendable {
  /// The function answered with a message; `nil` when it answered without one.
  case reply(ReplyPayload?)
  /// The function refused in its regular way (`ClientAction.failure`); the text is for the client.
  case failure(String)
  /// The function handed the command over; the caller gets the target's answer.
  case forward(FunctionCall)
  /// The machinery failed.
  case error(CommandError)
}

/// A reply's message and the metadata that becomes response headers.
package struct ReplyPayload: Hashable, Sendable {
  package var typeURL: String
  package var value: [UInt8]
  package var metadata: [CommandMetadata]

  package init(typeURL: String, value: [UInt8], metadata: [CommandMetadata] = []) {
    self.typeURL = typeURL
    self.value = value
    self.metadata = metadata
  }
}

/// Where the events of a command lie.
package struct Commitment: Hashable, Sendable {
  package var shard: UInt32
  /// ``Position/start`` when the command had no events, or while its batch was not yet durable.
  package var position: Position
  package var epoch: Epoch
  package var firstSequence: SequenceNumber
  package var eventCount: Int
  /// The answer was remembered from an earlier command with the same idempotency key.
  package var isDuplicate: Bool

  package init(
    shard: UInt32, position: Position, epoch: Epoch, firstSequence: SequenceNumber,
    eventCount: Int, isDuplicate: Bool = false
  ) {
    self.shard = shard
    self.position = position
    self.epoch = epoch
    self.firstSequence = firstSequence
    self.eventCount = eventCount
    self.isDuplicate = isDuplicate
  }
}
