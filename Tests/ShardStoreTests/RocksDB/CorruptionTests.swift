import CloudstateModel
import RocksDB
import ShardStore
import TestSupport
import Testing

@Suite("Damage in a RocksDB store")
struct CorruptionTests {
  private let home: StoreHome
  private let own: ShardID

  init() throws {
    home = try StoreHome(.rocksDB)
    own = try shard(0)
  }

  /// Three batches of one entity, the last with snapshot and idempotency record, then a clean close.
  private func fill() async throws {
    let store = try home.open()
    defer { store.close() }
    try store.openShard(own, epoch: Epoch(1))
    try await store.commit(batch(own, events: ["one"]))
    try await store.commit(batch(own, from: 2, events: ["two"]))
    let record = IdempotencyRecord(key: "k", commandFingerprint: 1, answer: [1, 2, 3])
    try await store.commit(
      batch(
        own, at: ShardStoreConfiguration.systemTime().unixMilliseconds, from: 3,
        events: ["three", "four"], snapshot: "state", idempotency: record))
    try store.setMetadata("plan", to: [7])
  }

  /// Changes or deletes a value behind the store's back.
  private func tamper(
    _ key: StoreKey, _ change: (inout [UInt8]) -> Bool
  ) throws {
    let database = try Database.open(
      path: home.path, options: DatabaseOptions(),
      families: StoreFamily.allCases.map { ColumnFamilyOptions(name: $0.rawValue) })
    let family = try #require(database.family(key.family.rawValue))
    let stored = try database.value(of: key.bytes, in: family)?.copy()
    var value = try #require(stored)
    var batch = WriteBatch(for: database)
    if change(&value) {
      batch.put(key.bytes, value, in: family)
    } else {
      batch.delete(key.bytes, in: family)
    }
    try database.write(batch, sync: true)
  }

  private func failure(_ call: () throws -> Void) throws -> StoreError {
    try #require(throws: StoreError.self) { try call() }
  }

  @Test("a flipped bit anywhere in a value is found by the read that meets it")
  func flippedBits() async throws {
    try await fill()
    var random = SeededGenerator(seed: testSeed("flipped bits"))
    let key = entity("a")
    let reads: [(StoreKey, String, (any ShardStore) throws -> Void)] = [
      (
        .journal(own, key, SequenceNumber(2)), "event 2 of entity carts|a in shard cart/0",
        { _ = try $0.events(of: key, in: own, after: .none, byteLimit: .max) }
      ),
      (
        .journal(own, key, SequenceNumber(1)), "event 1",
        { _ = try $0.stream(of: own, after: .start, byteLimit: .max) }
      ),
      (
        .stream(own, Position(2)), "position 2 of the stream of shard cart/0",
        { _ = try $0.stream(of: own, after: .start, byteLimit: .max) }
      ),
      (
        .stream(own, Position(2)), "position 2",
        { _ = try $0.firstPosition(of: own, since: time(0)) }
      ),
      (.snapshot(own, key), "the snapshot", { _ = try $0.snapshot(of: key, in: own) }),
      (
        .idempotency(own, key, key: "k"), "idempotency key k",
        { _ = try $0.idempotencyRecord("k", of: key, in: own) }
      ),
      (.epoch(own), "the epoch", { _ = try $0.openShard(own, epoch: Epoch(9)) }),
      (.stream(own, Position(3)), "position 3", { _ = try $0.openShard(own, epoch: Epoch(9)) }),
      (
        .journal(own, key, SequenceNumber(4)), "event 4",
        { _ = try $0.openShard(own, epoch: Epoch(9)) }
      ),
      (.document(name: "plan"), "the document plan", { _ = try $0.metadata("plan") }),
    ]
    for (key, name, read) in reads {
      var original: [UInt8] = []
      try tamper(key) { value in
        original = value
        let index = Int.random(in: 0..<value.count, using: &random)
        value[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        return true
      }
      for _ in 0..<2 {
        let store = try home.open()
        let error = try failure { try read(store) }
        #expect(error.code == .corruptRecord)
        #expect(error.message.contains(name), "\(error.message)")
        store.close()
      }
      try tamper(key) { value in
        value = original
        return true
      }
      let healed = try home.open()
      try read(healed)
      healed.close()
    }
  }

  @Test("a value that belongs to another key is refused")
  func misdirected() async throws {
    try await fill()
    var second: [UInt8] = []
    try tamper(.journal(own, entity("a"), SequenceNumber(2))) { value in
      second = value
      return true
    }
    try tamper(.journal(own, entity("a"), SequenceNumber(1))) { value in
      value = second
      return true
    }
    let store = try home.open()
    defer { store.close() }
    let error = try failure {
      _ = try store.events(of: entity("a"), in: own, after: .none, byteLimit: .max)
    }
    #expect(error.code == .corruptRecord)
  }

  @Test("a missing event or position is noticed, not skipped")
  func missing() async throws {
    try await fill()
    try tamper(.journal(own, entity("a"), SequenceNumber(2))) { _ in false }
    let store = try home.open()
    #expect(
      try failure {
        _ = try store.events(of: entity("a"), in: own, after: .none, byteLimit: .max)
      }.message.contains("event 2 is missing"))
    #expect(
      try failure { _ = try store.stream(of: own, after: .start, byteLimit: .max) }.code
        == .corruptRecord)
    store.close()
    try tamper(.stream(own, Position(1))) { _ in false }
    let next = try home.open()
    defer { next.close() }
    #expect(
      try failure { _ = try next.stream(of: own, after: .start, byteLimit: .max) }.message
        .contains("position 1 is missing"))
  }

  @Test("other shards go on beside a damaged one")
  func otherShards() async throws {
    try await fill()
    try tamper(.stream(own, Position(3))) { value in
      value[1] ^= 1
      return true
    }
    let store = try home.open()
    defer { store.close() }
    #expect(try failure { try store.openShard(own, epoch: Epoch(2)) }.code == .corruptRecord)
    let other = try shard(1)
    try store.openShard(other, epoch: Epoch(1))
    #expect(try await store.commit(batch(other, events: ["x"])).failure == nil)
    #expect(try await store.commit(batch(own, epoch: 2)).failure == .shardNotOpen)
  }
}
