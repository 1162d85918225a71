package import CloudstateModel
import RocksDB

// A delta on its way to another copy: the envelope of stored records with a checksum over the shard, the
// position and all fields, so that one that was changed on the way or belongs to another shard is refused.
//
//   u64 position, u64 epoch, i64 time, bytes(persistence id), bytes(entity id), i64 first sequence,
//   u32 event count, of each event bytes(type URL) and bytes(value), u8 flags (1: the last event is the
//   snapshot as well; 2: a snapshot follows; 4: an idempotency record follows), with flag 2 bytes(type URL)
//   and bytes(value), with flag 4 bytes(key), u64 command fingerprint, bytes(answer)

extension ShardDelta {
  /// The delta in the form in which it travels.
  package func sealed(in shard: ShardID) -> [UInt8] { sealed(under: Self.key(of: shard)) }

  /// Reads what ``sealed(in:)`` wrote.
  ///
  /// - Throws: if the bytes were changed on the way, or belong to another shard.
  package static func open(
    _ bytes: Span<UInt8>, in shard: ShardID
  ) throws(FormatError) -> ShardDelta {
    try open(bytes, under: key(of: shard))
  }

  /// Likewise.
  package static func open(
    _ bytes: [UInt8], in shard: ShardID
  ) throws(FormatError) -> ShardDelta {
    try open(bytes.span, under: key(of: shard))
  }

  private static func key(of shard: ShardID) -> [UInt8] {
    Array("delta".utf8) + KeyRange.shard(shard).lower
  }
}

extension ShardDelta: StoredRecord {
  package func encodeFields(into bytes: inout [UInt8]) {
    bytes.appendNumber(position.number)
    bytes.appendNumber(epoch.number)
    bytes.appendNumber(time.unixMilliseconds)
    bytes.appendCounted(entity.persistenceID)
    bytes.appendCounted(entity.entityID)
    bytes.appendNumber(firstSequence.number)
    bytes.appendNumber(UInt32(truncatingIfNeeded: events.count))
    for event in events { bytes.append(event) }
    var flags: UInt8 = idempotency == nil ? 0 : Flag.idempotency
    if let snapshot {
      flags |= isLastEvent(snapshot) ? Flag.lastEventIsSnapshot : Flag.snapshot
    }
    bytes.append(flags)
    if let snapshot, flags & Flag.snapshot != 0 { bytes.append(snapshot) }
    if let idempotency {
      bytes.appendCounted(idempotency.key)
      bytes.appendNumber(idempotency.commandFingerprint)
      bytes.appendCounted(idempotency.answer)
    }
  }

  package static func decodeFields(
    _ bytes: Span<UInt8>, at cursor: inout ByteCursor
  ) throws(FormatError) -> Self {
    let position = Position(try cursor.number(in: bytes))
    let epoch = Epoch(try cursor.number(in: bytes))
    let time = Timestamp(unixMilliseconds: try cursor.number(in: bytes))
    let persistenceID = try cursor.countedText(in: bytes)
    let entityID = try cursor.countedText(in: bytes)
    let firstSequence = SequenceNumber(try cursor.number(in: bytes))
    let count: UInt32 = try cursor.number(in: bytes)
    var events: [OpaquePayload] = []
    // The count is only believed as far as bytes follow.
    events.reserveCapacity(min(Int(count), 1024))
    for _ in 0..<count { events.append(try cursor.payload(in: bytes)) }
    var delta = ShardDelta(
      position: position, epoch: epoch, time: time,
      entity: EntityKey(persistenceID: persistenceID, entityID: entityID),
      firstSequence: firstSequence, events: events)
    try delta.decodeExtras(bytes, at: &cursor)
    return delta
  }

  private mutating func decodeExtras(
    _ bytes: Span<UInt8>, at cursor: inout ByteCursor
  ) throws(FormatError) {
    let flags = try cursor.byte(in: bytes)
    switch flags & ~Flag.idempotency {
    case 0: break
    case Flag.lastEventIsSnapshot:
      guard let last = events.last else { throw .malformed("a snapshot without events") }
      snapshot = last
    case Flag.snapshot:
      let own = try cursor.payload(in: bytes)
      guard !isLastEvent(own) else { throw .malformed("a snapshot that is its last event") }
      snapshot = own
    default: throw .malformed("an unknown flag")
    }
    guard flags & Flag.idempotency != 0 else { return }
    let key = try cursor.countedText(in: bytes)
    idempotency = IdempotencyRecord(
      key: key, commandFingerprint: try cursor.number(in: bytes),
      answer: try cursor.countedBytes(in: bytes))
  }

  private func isLastEvent(_ payload: OpaquePayload) -> Bool {
    events.last.map { $0.isIdentical(to: payload) } ?? false
  }

  private enum Flag {
    static let lastEventIsSnapshot: UInt8 = 1
    static let snapshot: UInt8 = 2
    static let idempotency: UInt8 = 4
  }
}

extension [UInt8] {
  fileprivate mutating func append(_ payload: OpaquePayload) {
    appendCounted(payload.typeURL)
    appendCounted(payload.value)
  }
}

extension ByteCursor {
  fileprivate mutating func payload(
    in bytes: Span<UInt8>
  ) throws(FormatError) -> OpaquePayload {
    let typeURL = try countedText(in: bytes)
    return OpaquePayload(typeURL: typeURL, value: try countedBytes(in: bytes))
  }
}
