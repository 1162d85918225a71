import CloudstateModel
import ShardStore
import TestSupport
import Testing

@Suite("Deltas in the form in which they travel")
struct ShardDeltaTests {
  private let own: ShardID

  init() throws { own = try shard(258, of: "ab") }

  @Test("the layout is the documented one")
  func layout() throws {
    var delta = ShardDelta(
      position: Position(3), epoch: Epoch(2), time: time(5),
      entity: EntityKey(persistenceID: "p", entityID: "e"), firstSequence: SequenceNumber(7),
      events: [OpaquePayload(typeURL: "t", value: [9, 8])])
    let place: [UInt8] =
      [0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 5]
      + [0, 0, 0, 1, 0x70, 0, 0, 0, 1, 0x65, 0, 0, 0, 0, 0, 0, 0, 7]
      + [0, 0, 0, 1, 0, 0, 0, 1, 0x74, 0, 0, 0, 2, 9, 8]
    func check(_ bytes: [UInt8]) throws {
      let sealed = delta.sealed(in: own)
      #expect(sealed[0] == 1)
      #expect(Array(sealed[5...]) == place + bytes)
      #expect(try ShardDelta.open(sealed, in: own) == delta)
    }
    try check([0])
    delta.snapshot = delta.events[0]
    try check([1])
    delta.snapshot = OpaquePayload(typeURL: "", value: [4])
    try check([2, 0, 0, 0, 0, 0, 0, 0, 1, 4])
    delta.idempotency = IdempotencyRecord(key: "k", commandFingerprint: 6, answer: [1, 2])
    try check(
      [6, 0, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 1, 0x6b, 0, 0, 0, 0, 0, 0, 0, 6]
        + [0, 0, 0, 2, 1, 2])
  }

  @Test("opening is the inverse of sealing")
  func inverse() throws {
    var random = RecordSource(seed: testSeed("deltas"))
    for _ in 0..<2000 {
      let (shard, delta) = (try random.keys.shard(), random.delta())
      let sealed = delta.sealed(in: shard)
      let opened = try ShardDelta.open(sealed.span, in: shard)
      #expect(opened == delta)
      #expect(opened.sealed(in: shard) == sealed)
    }
  }

  @Test("every flipped bit, every cut, every other shard is noticed")
  func damage() throws {
    var random = RecordSource(seed: testSeed("damaged deltas"))
    for _ in 0..<30 {
      let sealed = random.delta().sealed(in: own)
      for index in sealed.indices {
        for bit in 0..<8 {
          var flipped = sealed
          flipped[index] ^= 1 << UInt8(bit)
          #expect(throws: FormatError.self) { try ShardDelta.open(flipped, in: own) }
        }
        #expect(throws: FormatError.self) { try ShardDelta.open(Array(sealed[..<index]), in: own) }
      }
      for other in [try shard(258, of: "a"), try shard(259, of: "ab")] {
        #expect(throws: FormatError.checksumMismatch) { try ShardDelta.open(sealed, in: other) }
      }
      // Nor does a record of the store pass for one.
      let key = StoreKey.stream(own, Position(1)).bytes
      let record = random.streamRecord().sealed(under: key)
      #expect(throws: FormatError.checksumMismatch) { try ShardDelta.open(record, in: own) }
    }
  }
}

extension RecordSource {
  mutating func delta() -> ShardDelta {
    let events = (0..<Int.random(in: 0...3, using: &keys.generator)).map { _ in payload() }
    let snapshot: OpaquePayload? =
      switch Int.random(in: 0..<3, using: &keys.generator) {
      case 0: events.last
      case 1: payload()
      default: nil
      }
    let record = IdempotencyRecord(
      key: keys.text(), commandFingerprint: keys.number(), answer: bytes())
    return ShardDelta(
      position: Position(keys.number()), epoch: Epoch(keys.number()), time: keys.time(),
      entity: keys.entity(), firstSequence: SequenceNumber(Int64(keys.number())),
      events: events, snapshot: snapshot,
      idempotency: Bool.random(using: &keys.generator) ? record : nil)
  }
}
