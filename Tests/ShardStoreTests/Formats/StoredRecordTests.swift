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

  @Test("a batch's record, as it was written before version 3 and since")
  func streamLayout() throws {
    var record = StreamRecord(
      epoch: Epoch(2), time: time(5), entity: EntityKey(persistenceID: "p", entityID: "e"),
      firstSequence: SequenceNumber(7), eventCount: 3, extras: nil)
    let place: [UInt8] =
      [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0x70, 0, 0, 0, 1, 0x65]
      + [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 3]
    let layouts: [(StreamRecord.Extras?, [UInt8])] = [
      (nil, []), (.init(), [0]), (.init(lastEventIsSnapshot: true), [1]),
      (.init(idempotencyKey: "k"), [2, 0, 0, 0, 1, 0x6b]),
      (.init(lastEventIsSnapshot: true, idempotencyKey: ""), [3, 0, 0, 0, 0]),
    ]
    for (extras, bytes) in layouts {
      record.extras = extras
      let sealed = record.sealed(under: [1])
      #expect(Array(sealed[5...]) == place + bytes)
      #expect(try StreamRecord.open(sealed.span, under: [1]) == record)
    }
    for bytes: [UInt8] in [[4], [0, 0], [2], [1, 0, 0, 0, 0]] {
      let garbage = DocumentRecord(place + bytes).sealed(under: [1])
      #expect(throws: FormatError.self) { try StreamRecord.open(garbage.span, under: [1]) }
    }
  }

  @Test("a batch's record says what the batch held beside its events")
  func streamExtras() throws {
    func extras(_ batch: ShardBatch) -> StreamRecord.Extras? {
      StreamRecord(of: batch, time: time(1)).extras
    }
    let own = try shard(0)
    let record = IdempotencyRecord(key: "k", commandFingerprint: 1, answer: [])
    #expect(extras(batch(own, events: ["a", "b"])) == .init())
    #expect(extras(batch(own, events: ["a", "b"], snapshot: "a")) == .init())
    #expect(
      extras(batch(own, events: ["a", "b"], snapshot: "b")) == .init(lastEventIsSnapshot: true))
    #expect(extras(batch(own, from: 0, idempotency: record)) == .init(idempotencyKey: "k"))
    // Equal for Swift, but not the same bytes.
    var twins = batch(own)
    twins.events = [OpaquePayload(typeURL: "e\u{301}", value: [1])]
    twins.snapshot = OpaquePayload(typeURL: "\u{e9}", value: [1])
    #expect(extras(twins) == .init())
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
      eventCount: UInt32.random(in: 0...9, using: &keys.generator), extras: extras())
  }

  mutating func extras() -> StreamRecord.Extras? {
    guard Int.random(in: 0..<4, using: &keys.generator) > 0 else { return nil }
    return StreamRecord.Extras(
      lastEventIsSnapshot: Bool.random(using: &keys.generator),
      idempotencyKey: Bool.random(using: &keys.generator) ? keys.text() : nil)
  }
}
