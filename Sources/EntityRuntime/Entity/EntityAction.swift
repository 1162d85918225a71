package import CloudstateModel
package import ShardStore

/// What an ``EntityMachine`` asks its shell to do, in order.
package enum EntityAction: Sendable {
  /// Ask for permission to hold a stream; answered with ``EntityMachine/streamGranted(now:into:)``.
  case requestStream
  /// Open the `handle` stream to the user function.
  case openStream
  /// Read the journal: `nil` asks for the snapshot and the first events behind it, a number for the
  /// events behind that sequence. Wait until the stream takes more before reading.
  case recover(after: SequenceNumber?)
  case sendInit(StoredSnapshot?)
  case sendEvents([StoredEvent])
  /// Look for a remembered answer; answered with ``EntityMachine/keyLookedUp(_:now:into:)``.
  case lookUpKey(String)
  case sendCommand(id: Int64, EntityCommand)
  /// Submit to the store. Outcomes come back in order with ``EntityMachine/committed(_:now:into:)``.
  case commit(CommitOrder)
  /// Answer a caller.
  case complete(CommandTicket, CommandAnswer)
  /// Half-close the stream: passivation.
  case endStream
  /// Tear the stream down. It still ends with ``EntityMachine/streamEnded(_:now:into:)``.
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

/// Names a caller who waits for an answer.
package struct CommandTicket: Hashable, Sendable {
  package let number: UInt64

  package init(_ number: UInt64) { self.number = number }
}

/// What the store shall make durable for one command.
package struct CommitOrder: Sendable {
  /// The shard's when it was decided.
  package var epoch: Epoch
  /// The sequence of `events.first`.
  package var firstSequence: SequenceNumber
  package var events: [OpaquePayload]
  package var snapshot: OpaquePayload?
  /// Key, fingerprint and answer to remember.
  package var remember: RememberedAnswer?
}

/// The answer kept under an idempotency key.
package struct RememberedAnswer: Sendable {
  package var key: String
  package var fingerprint: UInt64
  package var answer: CommandAnswer
}

/// The result of ``EntityAction/lookUpKey(_:)``.
package enum KeyLookup: Sendable {
  case absent
  case remembered(fingerprint: UInt64, CommandAnswer)
  case failed(StoreError)
}

/// The result of ``EntityAction/recover(after:)``.
package struct RecoveryPage: Sendable {
  /// Set on the first page if the entity has one.
  package var snapshot: StoredSnapshot?
  package var events: [StoredEvent]
  /// Whether to read on behind the last event.
  package var hasMore: Bool

  package init(snapshot: StoredSnapshot?, events: [StoredEvent], hasMore: Bool) {
    self.snapshot = snapshot
    self.events = events
    self.hasMore = hasMore
  }
}

/// How an entity's stream came to its end.
package enum StreamEnd: Sendable, Equatable {
  /// The function closed its side, or the stream broke.
  case ended
  /// The function could not be reached at all.
  case unreachable(String)
}
