package import CloudstateModel

/// What a position of a shard's stream points to.
package struct StreamRecord: StoredRecord, Hashable {
  /// What a batch held beside its events.
  package struct Extras: Hashable, Sendable {
    /// The last event is the batch's snapshot as well.
    package var lastEventIsSnapshot: Bool
    /// Of the idempotency record.
    package var idempotencyKey: String?

    package init(lastEventIsSnapshot: Bool = false, idempotencyKey: String? = nil) {
      self.lastEventIsSnapshot = lastEventIsSnapshot
      self.idempotencyKey = idempotencyKey
    }
  }

  package var epoch: Epoch
  package var time: Timestamp
  package var entity: EntityKey
  /// ``SequenceNumber/none`` if `eventCount` is 0.
  package var firstSequence: SequenceNumber
  package var eventCount: UInt32
  /// `nil` in a record from before version 3 of the formats, which did not say.
  package var extras: Extras?

  package init(
    epoch: Epoch, time: Timestamp, entity: EntityKey, firstSequence: SequenceNumber,
    eventCount: UInt32, extras: Extras?
  ) {
    self.epoch = epoch
    self.time = time
    self.entity = entity
    self.firstSequence = firstSequence
    self.eventCount = eventCount
    self.extras = extras
  }

  /// The record of a batch that was given `time`.
  package init(of batch: ShardBatch, time: Timestamp) {
    let isSnapshot =
      if let snapshot = batch.snapshot, let last = batch.events.last {
        snapshot.isIdentical(to: last)
      } else {
        false
      }
    self.init(
      epoch: batch.epoch, time: time, entity: batch.entity,
      firstSequence: batch.events.isEmpty ? .none : batch.firstSequence,
      eventCount: UInt32(truncatingIfNeeded: batch.events.count),
      extras: Extras(
        lastEventIsSnapshot: isSnapshot, idempotencyKey: batch.idempotency?.key))
  }

  /// The sequence of the last event; ``SequenceNumber/none`` without events.
  var lastSequence: SequenceNumber {
    eventCount == 0 ? .none : firstSequence.advanced(by: Int(eventCount) - 1)
  }

  package func encodeFields(into bytes: inout [UInt8]) {
    encodePlace(into: &bytes)
    guard let extras else { return }
    bytes.append(
      (extras.lastEventIsSnapshot ? Flag.lastEventIsSnapshot : 0)
        | (extras.idempotencyKey == nil ? 0 : Flag.idempotency))
    if let key = extras.idempotencyKey { bytes.appendCounted(key) }
  }

  /// The fields that every copy of the batch has, whatever was left out on the way to it.
  func encodePlace(into bytes: inout [UInt8]) {
    bytes.appendNumber(epoch.number)
    bytes.appendNumber(time.unixMilliseconds)
    bytes.appendCounted(entity.persistenceID)
    bytes.appendCounted(entity.entityID)
    bytes.appendNumber(firstSequence.number)
    bytes.appendNumber(eventCount)
  }

  package static func decodeFields(
    _ bytes: Span<UInt8>, at cursor: inout ByteCursor
  ) throws(FormatError) -> Self {
    let epoch = Epoch(try cursor.number(in: bytes))
    let time = Timestamp(unixMilliseconds: try cursor.number(in: bytes))
    let persistenceID = try cursor.countedText(in: bytes)
    let entityID = try cursor.countedText(in: bytes)
    return Self(
      epoch: epoch, time: time,
      entity: EntityKey(persistenceID: persistenceID, entityID: entityID),
      firstSequence: SequenceNumber(try cursor.number(in: bytes)),
      eventCount: try cursor.number(in: bytes),
      extras: cursor.isAtEnd(of: bytes) ? nil : try decodeExtras(bytes, at: &cursor))
  }

  private static func decodeExtras(
    _ bytes: Span<UInt8>, at cursor: inout ByteCursor
  ) throws(FormatError) -> Extras {
    let flags = try cursor.byte(in: bytes)
    guard flags & ~(Flag.lastEventIsSnapshot | Flag.idempotency) == 0 else {
      throw .malformed("an unknown flag")
    }
    return Extras(
      lastEventIsSnapshot: flags & Flag.lastEventIsSnapshot != 0,
      idempotencyKey: flags & Flag.idempotency == 0 ? nil : try cursor.countedText(in: bytes))
  }

  private enum Flag {
    static let lastEventIsSnapshot: UInt8 = 1
    static let idempotency: UInt8 = 2
  }
}

extension OpaquePayload {
  /// Whether two payloads are the same bytes. Swift's own comparison of texts takes different spellings for
  /// equal. At once if they share their memory, as those of a value entity's change do.
  func isIdentical(to other: OpaquePayload) -> Bool {
    value == other.value && typeURL.utf8.elementsEqual(other.typeURL.utf8)
  }
}
