package import CloudstateModel

/// An event in the journal; its sequence is in its key.
package struct JournalRecord: StoredRecord, Hashable {
  package var time: Timestamp
  package var payload: OpaquePayload

  package init(time: Timestamp, payload: OpaquePayload) {
    self.time = time
    self.payload = payload
  }

  package func encodeFields(into bytes: inout [UInt8]) {
    bytes.appendNumber(time.unixMilliseconds)
    bytes.appendCounted(payload.typeURL)
    bytes.append(contentsOf: payload.value)
  }

  package static func decodeFields(
    _ bytes: Span<UInt8>, at cursor: inout ByteCursor
  ) throws(FormatError) -> Self {
    let time = Timestamp(unixMilliseconds: try cursor.number(in: bytes))
    let typeURL = try cursor.countedText(in: bytes)
    return Self(
      time: time, payload: OpaquePayload(typeURL: typeURL, value: cursor.remainder(in: bytes)))
  }
}

extension StoredSnapshot: StoredRecord {
  package func encodeFields(into bytes: inout [UInt8]) {
    bytes.appendNumber(sequence.number)
    bytes.appendCounted(payload.typeURL)
    bytes.append(contentsOf: payload.value)
  }

  package static func decodeFields(
    _ bytes: Span<UInt8>, at cursor: inout ByteCursor
  ) throws(FormatError) -> Self {
    let sequence = SequenceNumber(try cursor.number(in: bytes))
    let typeURL = try cursor.countedText(in: bytes)
    return Self(
      sequence: sequence,
      payload: OpaquePayload(typeURL: typeURL, value: cursor.remainder(in: bytes)))
  }
}

/// An answer under an idempotency key; the key is in the record's key.
package struct KeptAnswer: StoredRecord, Hashable {
  package var time: Timestamp
  /// The batch that held the record.
  package var position: Position
  package var commandFingerprint: UInt64
  package var answer: [UInt8]

  package init(
    time: Timestamp, position: Position, commandFingerprint: UInt64, answer: [UInt8]
  ) {
    self.time = time
    self.position = position
    self.commandFingerprint = commandFingerprint
    self.answer = answer
  }

  package func encodeFields(into bytes: inout [UInt8]) {
    bytes.appendNumber(time.unixMilliseconds)
    bytes.appendNumber(position.number)
    bytes.appendNumber(commandFingerprint)
    bytes.append(contentsOf: answer)
  }

  package static func decodeFields(
    _ bytes: Span<UInt8>, at cursor: inout ByteCursor
  ) throws(FormatError) -> Self {
    let time = Timestamp(unixMilliseconds: try cursor.number(in: bytes))
    let position = Position(try cursor.number(in: bytes))
    return Self(
      time: time, position: position, commandFingerprint: try cursor.number(in: bytes),
      answer: cursor.remainder(in: bytes))
  }
}

/// The time of the idempotency record an index entry was written with.
package struct IndexedTime: StoredRecord, Hashable {
  package var time: Timestamp

  package init(_ time: Timestamp) { self.time = time }

  package func encodeFields(into bytes: inout [UInt8]) {
    bytes.appendNumber(time.unixMilliseconds)
  }

  package static func decodeFields(
    _ bytes: Span<UInt8>, at cursor: inout ByteCursor
  ) throws(FormatError) -> Self {
    Self(Timestamp(unixMilliseconds: try cursor.number(in: bytes)))
  }
}

/// The highest epoch seen for a shard.
package struct EpochRecord: StoredRecord, Hashable {
  package var epoch: Epoch

  package init(_ epoch: Epoch) { self.epoch = epoch }

  package func encodeFields(into bytes: inout [UInt8]) { bytes.appendNumber(epoch.number) }

  package static func decodeFields(
    _ bytes: Span<UInt8>, at cursor: inout ByteCursor
  ) throws(FormatError) -> Self {
    Self(Epoch(try cursor.number(in: bytes)))
  }
}

extension ConsumerPosition: StoredRecord {
  package func encodeFields(into bytes: inout [UInt8]) {
    bytes.appendNumber(batches.number)
    bytes.appendNumber(events)
  }

  package static func decodeFields(
    _ bytes: Span<UInt8>, at cursor: inout ByteCursor
  ) throws(FormatError) -> Self {
    Self(batches: Position(try cursor.number(in: bytes)), events: try cursor.number(in: bytes))
  }
}

/// The version of the whole database.
package struct DatabaseVersionRecord: StoredRecord, Hashable {
  package var version: UInt32

  package init(_ version: UInt32) { self.version = version }

  package func encodeFields(into bytes: inout [UInt8]) { bytes.appendNumber(version) }

  package static func decodeFields(
    _ bytes: Span<UInt8>, at cursor: inout ByteCursor
  ) throws(FormatError) -> Self {
    Self(try cursor.number(in: bytes))
  }
}

/// This node's copy of a replicated entity, or a delta of it.
package struct ReplicaRecord: StoredRecord, Hashable {
  package var content: [UInt8]

  package init(_ content: [UInt8]) { self.content = content }

  package func encodeFields(into bytes: inout [UInt8]) { bytes.append(contentsOf: content) }

  package static func decodeFields(
    _ bytes: Span<UInt8>, at cursor: inout ByteCursor
  ) throws(FormatError) -> Self {
    Self(cursor.remainder(in: bytes))
  }
}

/// A small document of the node.
package struct DocumentRecord: StoredRecord, Hashable {
  package var content: [UInt8]

  package init(_ content: [UInt8]) { self.content = content }

  package func encodeFields(into bytes: inout [UInt8]) { bytes.append(contentsOf: content) }

  package static func decodeFields(
    _ bytes: Span<UInt8>, at cursor: inout ByteCursor
  ) throws(FormatError) -> Self {
    Self(cursor.remainder(in: bytes))
  }
}
