import CloudstateModel
import ShardStore
import TestSupport
import Testing

@Suite("Stored records")
struct StoredRecordTests {
  @Test("the layout is the documented one")
  func layout() {
    let record = JournalRecord(time: time(5), payload: OpaquePayload(typeURL: "t", value: [9, 8]))
    let bytes = record.sealed(under: [1])
    #expect(bytes[0] == 1)
    #expect(Array(bytes[5...]) == [0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0x74, 9, 8])
  }

  @Test("decoding is the inverse of encoding")
  func inverse() throws {
    var random = RecordSource(seed: testSeed("stored records"))
    for _ in 0..<1000 {
      try checkInverse(random.journalRecord())
      try checkInverse(random.snapshot())
      try checkInverse(random.streamRecord())
      try checkInverse(
        KeptAnswer(
          time: random.keys.time(), position: Position(random.keys.number()),
          commandFingerprint: random.keys.number(), answer: random.bytes()))
      try checkInverse(IndexedTime(random.keys.time()))
      try checkInverse(EpochRecord(Epoch(random.keys.number())))
      try checkInverse(DocumentRecord(random.bytes()))
    }
    try checkInverse(DatabaseVersionRecord(7))
  }

  private func checkInverse<Record: StoredRecord & Equatable>(_ record: Record) throws {
    let key: [UInt8] = [1, 2, 3]
    let bytes = record.sealed(under: key)
    let opened = try Record.open(bytes.span, under: key)
    #expect(opened == record)
    #expect(opened.sealed(under: key) == bytes)
  }

  @Test("every flipped bit, every cut, every other key is noticed")
  func damage() {
    var random = RecordSource(seed: testSeed("damaged records"))
    for _ in 0..<50 {
      let record = random.streamRecord()
      let key = random.bytes() + [1]
      let bytes = record.sealed(under: key)
      for index in bytes.indices {
        for bit in 0..<8 {
          var flipped = bytes
          flipped[index] ^= 1 << UInt8(bit)
          #expect(throws: FormatError.self) { try StreamRecord.open(flipped.span, under: key) }
        }
        #expect(throws: FormatError.self) {
          try StreamRecord.open(Array(bytes[..<index]).span, under: key)
        }
      }
      #expect(throws: FormatError.checksumMismatch) {
        try StreamRecord.open((bytes + [0]).span, under: key)
      }
      #expect(throws: FormatError.checksumMismatch) {
        try StreamRecord.open(bytes.span, under: key + [0])
      }
    }
  }

  @Test("garbage with a right checksum is refused, never a crash")
  func checkedGarbage() {
    var random = RecordSource(seed: testSeed("checked garbage"))
    for _ in 0..<3000 {
      let bytes = DocumentRecord(random.bytes()).sealed(under: [])
      for accepted in [
        (try? JournalRecord.open(bytes.span, under: []))?.sealed(under: []),
        (try? StreamRecord.open(bytes.span, under: []))?.sealed(under: []),
        (try? StoredSnapshot.open(bytes.span, under: []))?.sealed(under: []),
        (try? KeptAnswer.open(bytes.span, under: []))?.sealed(under: []),
        (try? EpochRecord.open(bytes.span, under: []))?.sealed(under: []),
      ] where accepted != nil {
        #expect(accepted == bytes)
      }
    }
  }
}

/// Random records.
struct RecordSource {
  var keys: KeySource

  init(seed: UInt64) { keys = KeySource(seed: seed) }

  mutating func bytes() -> [UInt8] {
    (0..<Int.random(in: 0...40, using: &keys.generator)).map { _ in
      Bool.random(using: &keys.generator) ? 0 : UInt8.random(in: 0...255, using: &keys.generator)
    }
  }

  mutating func payload() -> OpaquePayload { OpaquePayload(typeURL: keys.text(), value: bytes()) }

  mutating func journalRecord() -> JournalRecord {
    JournalRecord(time: keys.time(), payload: payload())
  }

  mutating func snapshot() -> StoredSnapshot {
    StoredSnapshot(sequence: SequenceNumber(Int64(keys.number())), payload: payload())
  }

  mutating func streamRecord() -> StreamRecord {
    StreamRecord(
      epoch: Epoch(keys.number()), time: keys.time(), entity: keys.entity(),
      firstSequence: SequenceNumber(Int64(keys.number())),
      eventCount: UInt32.random(in: 0...9, using: &keys.generator))
  }
}
