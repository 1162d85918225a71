package import CloudstateModel

/// One committed batch as it goes to the shard's other copies (design section 7): with it a copy writes
/// exactly the records that the primary wrote.
package struct ShardDelta: Hashable, Sendable {
  package var position: Position
  /// The epoch under which the batch was committed.
  package var epoch: Epoch
  package var time: Timestamp
  package var entity: EntityKey
  /// The sequence of `events.first`; ``SequenceNumber/none`` without events.
  package var firstSequence: SequenceNumber
  package var events: [OpaquePayload]
  /// State after `events`. One that was replaced since is left out of deltas that are read back from the
  /// store, except that of a value entity, which is always there.
  package var snapshot: OpaquePayload?
  /// Left out of deltas read back from the store once it has expired.
  package var idempotency: IdempotencyRecord?

  package init(
    position: Position, epoch: Epoch, time: Timestamp, entity: EntityKey,
    firstSequence: SequenceNumber, events: [OpaquePayload], snapshot: OpaquePayload? = nil,
    idempotency: IdempotencyRecord? = nil
  ) {
    self.position = position
    self.epoch = epoch
    self.time = time
    self.entity = entity
    self.firstSequence = firstSequence
    self.events = events
    self.snapshot = snapshot
    self.idempotency = idempotency
  }

  /// The delta of a batch that was committed at a place.
  package init(of batch: ShardBatch, at position: Position, time: Timestamp) {
    self.init(
      position: position, epoch: batch.epoch, time: time, entity: batch.entity,
      firstSequence: batch.events.isEmpty ? .none : batch.firstSequence, events: batch.events,
      snapshot: batch.events.isEmpty ? nil : batch.snapshot, idempotency: batch.idempotency)
  }
}

/// Where a copy of a shard ends.
package struct ShardEnd: Hashable, Sendable {
  package var position: Position
  /// The epoch of the batch at `position`; ``Epoch/none`` for an empty copy. Two copies that agree in both
  /// agree in everything up to there: an epoch has one primary, and a primary sends only what it has synced.
  package var epoch: Epoch
  package var time: Timestamp

  package init(position: Position, epoch: Epoch, time: Timestamp) {
    self.position = position
    self.epoch = epoch
    self.time = time
  }

  /// The end of a copy without batches.
  package static let empty = ShardEnd(
    position: .start, epoch: .none, time: Timestamp(unixMilliseconds: .min))
}
