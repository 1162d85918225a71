package import CloudstateModel

/// A `google.protobuf.Any` as the store sees it: never understood, stored and returned untouched
/// (protocol section 8).
package struct OpaquePayload: Hashable, Sendable {
  package var typeURL: String
  package var value: [UInt8]

  package init(typeURL: String, value: [UInt8]) {
    self.typeURL = typeURL
    self.value = value
  }
}

/// What one command changes, committed whole or not at all.
package struct ShardBatch: Sendable {
  package var shard: ShardID
  /// The epoch under which the writer believes to own the shard.
  package var epoch: Epoch
  package var entity: EntityKey
  package var time: Timestamp
  /// The sequence number that follows the entity's last event as the writer knows it, so that of
  /// `events.first`. A batch that does not follow the stored events is refused with
  /// ``StoreError/Code/outOfSequence``: a batch behind a refused one can never leave a gap, and two
  /// writers can never overwrite each other. Without events, ``SequenceNumber/none`` skips the check.
  package var firstSequence: SequenceNumber
  package var events: [OpaquePayload]
  /// State after `events`; its sequence is that of the last event. Ignored without events (proxy
  /// behaviour, section 7).
  package var snapshot: OpaquePayload?
  package var idempotency: IdempotencyRecord?

  package init(
    shard: ShardID, epoch: Epoch, entity: EntityKey, time: Timestamp,
    firstSequence: SequenceNumber, events: [OpaquePayload], snapshot: OpaquePayload? = nil,
    idempotency: IdempotencyRecord? = nil
  ) {
    self.shard = shard
    self.epoch = epoch
    self.entity = entity
    self.time = time
    self.firstSequence = firstSequence
    self.events = events
    self.snapshot = snapshot
    self.idempotency = idempotency
  }
}

/// The remembered answer to a command that carried an idempotency key.
package struct IdempotencyRecord: Hashable, Sendable {
  package var key: String
  /// A hash of method and payload: the same key with another command is a client's mistake.
  package var commandFingerprint: UInt64
  /// The encoded answer; its format belongs to the entity runtime.
  package var answer: [UInt8]
  /// The batch that made the record durable; set by the store, without meaning in a batch to be written.
  package var position: Position

  package init(
    key: String, commandFingerprint: UInt64, answer: [UInt8], position: Position = .start
  ) {
    self.key = key
    self.commandFingerprint = commandFingerprint
    self.answer = answer
    self.position = position
  }
}

/// One event of an entity's journal.
package struct StoredEvent: Hashable, Sendable {
  package var sequence: SequenceNumber
  package var time: Timestamp
  package var payload: OpaquePayload

  package init(sequence: SequenceNumber, time: Timestamp, payload: OpaquePayload) {
    self.sequence = sequence
    self.time = time
    self.payload = payload
  }
}

/// An entity's state as of `sequence`.
package struct StoredSnapshot: Hashable, Sendable {
  package var sequence: SequenceNumber
  package var payload: OpaquePayload

  package init(sequence: SequenceNumber, payload: OpaquePayload) {
    self.sequence = sequence
    self.payload = payload
  }
}

/// One committed batch as the shard's stream shows it. Batches that held no event (an idempotency
/// record alone) take a position too and show up with no events, so that positions have no gap.
package struct StreamBatch: Hashable, Sendable {
  package var position: Position
  package var epoch: Epoch
  package var time: Timestamp
  package var entity: EntityKey
  package var events: [StoredEvent]

  package init(
    position: Position, epoch: Epoch, time: Timestamp, entity: EntityKey, events: [StoredEvent]
  ) {
    self.position = position
    self.epoch = epoch
    self.time = time
    self.entity = entity
    self.events = events
  }
}
