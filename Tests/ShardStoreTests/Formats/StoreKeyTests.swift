import CloudstateModel
import ShardStore
import TestSupport
import Testing

@Suite("Stored keys")
struct StoreKeyTests {
  @Test("the layout is the documented one")
  func layout() throws {
    let shard = try shard(258, of: "ab")
    let entity = EntityKey(persistenceID: "p", entityID: "x\0y")
    let prefix: [UInt8] = [0x61, 0x62, 0, 1, 0, 0, 1, 2]
    let key: [UInt8] = prefix + [0x70, 0, 1, 0x78, 0, 0xff, 0x79, 0, 1]
    #expect(
      StoreKey.journal(shard, entity, SequenceNumber(3)).bytes == key + [0, 0, 0, 0, 0, 0, 0, 3])
    #expect(StoreKey.snapshot(shard, entity).bytes == key)
    #expect(
      StoreKey.stream(shard, Position(0x0102_0304_0506_0708)).bytes == prefix + [
        1, 2, 3, 4, 5, 6, 7, 8,
      ])
    #expect(
      StoreKey.idempotencyIndex(shard, bucketStart: time(1), entity, key: "k").bytes
        == prefix + [
          2, 0x80, 0, 0, 0, 0, 0, 0, 1, 0x70, 0, 1, 0x78, 0, 0xff, 0x79, 0, 1, 0x6b, 0, 1,
        ]
    )
    #expect(StoreKey.epoch(shard).bytes == [2] + prefix)
    #expect(StoreKey.databaseVersion.bytes == [1])
  }

  @Test("decoding is the inverse of encoding")
  func inverse() throws {
    var random = KeySource(seed: testSeed("store keys"))
    for _ in 0..<2000 {
      let key = try random.key()
      let bytes = key.bytes
      let decoded = try StoreKey.decode(bytes.span, in: key.family)
      #expect(decoded == key)
      // Texts that Swift holds equal may have different bytes: those must survive too.
      #expect(decoded.bytes == bytes)
    }
  }

  @Test("bytes that no encoder writes are refused or read back as themselves, and never crash")
  func damage() throws {
    var random = KeySource(seed: testSeed("damaged keys"))
    for _ in 0..<5000 {
      var bytes = try random.key().bytes
      switch Int.random(in: 0..<3, using: &random.generator) {
      case 0: bytes.removeLast(Int.random(in: 1...bytes.count, using: &random.generator))
      case 1:
        let index = Int.random(in: 0..<bytes.count, using: &random.generator)
        bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random.generator)
      default: bytes.append(UInt8.random(in: 0...255, using: &random.generator))
      }
      for family in StoreFamily.allCases {
        guard let key = try? StoreKey.decode(bytes.span, in: family) else { continue }
        #expect(key.bytes == bytes)
      }
    }
  }

  @Test("keys sort as what they stand for")
  func order() throws {
    var random = KeySource(seed: testSeed("key order"))
    for _ in 0..<2000 {
      let shard = try random.shard()
      let (left, right) = (random.entity(), random.entity())
      let (leftNumber, rightNumber) = (random.number(), random.number())
      let logical = compare(
        [Array(left.persistenceID.utf8), Array(left.entityID.utf8)],
        [Array(right.persistenceID.utf8), Array(right.entityID.utf8)])
      let journal = compare(
        StoreKey.journal(shard, left, SequenceNumber(Int64(leftNumber))).bytes,
        StoreKey.journal(shard, right, SequenceNumber(Int64(rightNumber))).bytes)
      #expect(journal == (logical != 0 ? logical : compare(leftNumber, rightNumber)))
      let stream = compare(
        StoreKey.stream(shard, Position(leftNumber)).bytes,
        StoreKey.stream(shard, Position(rightNumber)).bytes)
      #expect(stream == compare(leftNumber, rightNumber))
      let (leftTime, rightTime) = (random.time(), random.time())
      let buckets = compare(
        StoreKey.idempotencyIndex(shard, bucketStart: leftTime, left, key: "").bytes,
        StoreKey.idempotencyIndex(shard, bucketStart: rightTime, left, key: "").bytes)
      #expect(buckets == compare(leftTime, rightTime))
    }
  }

  @Test("a shard is a key range that holds its keys and no other shard's")
  func shardRange() throws {
    var random = KeySource(seed: testSeed("shard ranges"))
    for _ in 0..<2000 {
      let (own, other) = (try random.shard(), try random.shard())
      let range = KeyRange.shard(own)
      func holds(_ key: StoreKey) -> Bool {
        compare(range.lower, key.bytes) <= 0 && compare(key.bytes, range.upper) < 0
      }
      for shard in [own, other] {
        #expect(holds(.journal(shard, random.entity(), SequenceNumber(1))) == (shard == own))
        #expect(holds(.stream(shard, Position(random.number()))) == (shard == own))
        #expect(holds(.idempotency(shard, random.entity(), key: "k")) == (shard == own))
        let consumer = ConsumerID(
          serviceName: random.text(), group: random.text(), eventLog: random.text())
        #expect(holds(.consumer(shard, consumer)) == (shard == own))
      }
    }
  }
}

/// Random keys whose texts hold what is hard to escape.
struct KeySource {
  var generator: SeededGenerator

  init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

  mutating func text() -> String {
    let pieces = [
      "", "\0", "\u{1}", "\0\u{1}", "a", "ab", "\u{e9}", "e\u{301}", "\u{7f}", "\u{10ffff}",
    ]
    return (0..<Int.random(in: 0...4, using: &generator)).map { _ in
      pieces[Int.random(in: 0..<pieces.count, using: &generator)]
    }.joined()
  }

  mutating func number() -> UInt64 {
    [0, 1, 255, 256, 1 << 32, UInt64(Int64.max), UInt64.random(in: 0...1000, using: &generator)]
      .randomElement(using: &generator) ?? 0
  }

  mutating func time() -> Timestamp {
    let times: [Int64] = [.min, -1, 0, 1, .max, .random(in: -5...5, using: &generator)]
    return Timestamp(unixMilliseconds: times.randomElement(using: &generator) ?? 0)
  }

  mutating func entity() -> EntityKey { EntityKey(persistenceID: text(), entityID: text()) }

  mutating func shard() throws -> ShardID {
    let service = ["a", "ab", "b", "a-b"].randomElement(using: &generator) ?? "a"
    let indexes: [UInt32] = [0, 1, 255, 256, .max]
    let index = indexes.randomElement(using: &generator) ?? 0
    return try ShardStoreTests.shard(index, of: service)
  }

  mutating func key() throws -> StoreKey {
    switch Int.random(in: 0..<9, using: &generator) {
    case 0: .journal(try shard(), entity(), SequenceNumber(Int64(number())))
    case 1: .snapshot(try shard(), entity())
    case 2: .stream(try shard(), Position(number()))
    case 3: .idempotency(try shard(), entity(), key: text())
    case 4: .idempotencyIndex(try shard(), bucketStart: time(), entity(), key: text())
    case 5: .databaseVersion
    case 6: .epoch(try shard())
    case 7:
      .consumer(
        try shard(), ConsumerID(serviceName: text(), group: text(), eventLog: text()))
    default: .document(name: text())
    }
  }
}

private func compare<Value: Comparable>(_ left: Value, _ right: Value) -> Int {
  left < right ? -1 : left == right ? 0 : 1
}

/// As the database compares: byte by byte.
private func compare(_ left: [UInt8], _ right: [UInt8]) -> Int {
  left.lexicographicallyPrecedes(right) ? -1 : left == right ? 0 : 1
}

private func compare(_ left: [[UInt8]], _ right: [[UInt8]]) -> Int {
  for (left, right) in zip(left, right) where left != right { return compare(left, right) }
  return 0
}
