import CloudstateModel
import RocksDB
import ShardStore
import TestSupport
import Testing

@Suite("Damage to copies of replicated entities in a RocksDB store, and databases without them")
struct ReplicaDamageTests {
  private let home: StoreHome
  private let own = entity("a")

  init() throws { home = try StoreHome(.rocksDB) }

  private func fill() async throws {
    let store = try home.open()
    defer { store.close() }
    try await store.write(own, whole: [1, 1], replacing: 0)
    for number: UInt64 in 1...3 { try await store.write(own, delta: [2], number: number) }
  }

  private func withDatabase(
    families: [StoreFamily] = StoreFamily.allCases, _ body: (Database) throws -> Void
  ) throws {
    try body(
      Database.open(
        path: home.path, options: DatabaseOptions(),
        families: families.map { ColumnFamilyOptions(name: $0.rawValue) }))
  }

  private func tamper(_ number: UInt64, _ change: (inout [UInt8]) -> Bool) throws {
    try withDatabase { database in
      let key = StoreKey.replica(own, number: number).bytes
      let family = try #require(database.family(StoreFamily.crdt.rawValue))
      var value = try #require(try database.value(of: key, in: family)?.copy())
      var batch = WriteBatch(for: database)
      if change(&value) { batch.put(key, value, in: family) } else { batch.delete(key, in: family) }
      try database.write(batch, sync: true)
    }
  }

  /// Both ways of reading meet the damage, and leave it as it is.
  private func expectDamage(_ text: String) throws {
    for _ in 0..<2 {
      let store = try home.open()
      defer { store.close() }
      for read in [
        { _ = try store.replica(of: own) }, { _ = try store.replicas(in: ReplicaBucket(of: own)) },
      ] {
        let error = try #require(throws: StoreError.self) { try read() }
        #expect(error.code == .corruptRecord)
        #expect(error.message.contains(text), "\(error.message)")
      }
    }
  }

  @Test("a flipped bit anywhere in a copy or a delta is found and named")
  func flippedBits() async throws {
    try await fill()
    var random = SeededGenerator(seed: testSeed("flipped bits of copies"))
    for number: UInt64 in 0...3 {
      var original: [UInt8] = []
      try tamper(number) { value in
        original = value
        value[Int.random(in: 0..<value.count, using: &random)] ^=
          1 << UInt8.random(in: 0..<8, using: &random)
        return true
      }
      try expectDamage("carts|a")
      try tamper(number) { value in
        value = original
        return true
      }
    }
    let healed = try home.open()
    defer { healed.close() }
    #expect(try healed.replica(of: own) == replica(own, [[1, 1], [2], [2], [2]], lastNumber: 3))
  }

  @Test("a missing delta is noticed, not skipped")
  func missingDelta() async throws {
    try await fill()
    try tamper(2) { _ in false }
    try expectDamage("delta 2 is missing")
  }

  @Test("a delta that belongs to another number is refused")
  func misdirected() async throws {
    try await fill()
    var second: [UInt8] = []
    try tamper(2) { value in
      second = value
      return true
    }
    try tamper(3) { value in
      value = second
      return true
    }
    try expectDamage("carts|a")
  }

  @Test("a database from before replicated entities opens with what it holds, and takes them")
  func olderDatabase() async throws {
    try withDatabase(families: StoreFamily.allCases.filter { $0 != .crdt }) { database in
      let meta = try #require(database.family(StoreFamily.meta.rawValue))
      var batch = WriteBatch(for: database)
      let (version, plan) = (StoreKey.databaseVersion.bytes, StoreKey.document(name: "plan").bytes)
      batch.put(version, DatabaseVersionRecord(1).sealed(under: version), in: meta)
      batch.put(plan, DocumentRecord([7]).sealed(under: plan), in: meta)
      try database.write(batch, sync: true)
    }
    let store = try home.open()
    defer { store.close() }
    #expect(try store.metadata("plan") == [7])
    #expect(try store.replica(of: own) == nil)
    #expect(try await store.write(own, delta: [1], number: 1) == nil)
    #expect(try store.replica(of: own) == replica(own, [[1]], lastNumber: 1))
  }
}
