import CloudstateModel
import RocksDB
import ShardStore
import TestSupport
import Testing

@Suite("Damage to copies of shards in a RocksDB store")
struct CopyDamageTests {
  private let home: StoreHome
  private let own: ShardID
  private let other: ShardID
  private let deltas: [ShardDelta]

  init() throws {
    home = try StoreHome(.rocksDB)
    (own, other) = (try shard(0), try shard(1))
    let record = IdempotencyRecord(key: "k", commandFingerprint: 1, answer: [1])
    deltas = [
      delta(1, events: ["one"], snapshot: "state", idempotency: record),
      delta(2, from: 2, events: ["two"]), delta(3, from: 3, events: ["three"]),
    ]
  }

  private var configuration: ShardStoreConfiguration {
    var configuration = ShardStoreConfiguration()
    configuration.now = { time(1000) }
    return configuration
  }

  private func open() throws -> any ShardVerifying { try home.open(configuration) }

  private func fill(_ home: StoreHome? = nil) async throws {
    let store = try (home ?? self.home).open(configuration)
    defer { store.close() }
    for shard in [own, other] {
      _ = try await store.append(
        append(
          shard, epoch: 1, afterEpoch: 0, deltas,
          consumers: [
            ConsumerID(serviceName: "s", group: "g", eventLog: "l"): ConsumerPosition(
              batches: Position(1))
          ]))
    }
  }

  private func damage(_ key: StoreKey, _ home: StoreHome? = nil) throws {
    try (home ?? self.home).tamper(key) { value in
      value[value.count / 2] ^= 4
      return true
    }
  }

  @Test("damage met by an append or by opening stops the copy until it is dropped or made anew")
  func damagedEnd() async throws {
    for key in [
      StoreKey.stream(own, Position(3)), .journal(own, entity("a"), SequenceNumber(3)), .epoch(own),
    ] {
      let home = try StoreHome(.rocksDB)
      try await fill(home)
      try damage(key, home)
      let store = try home.open(configuration)
      defer { store.close() }
      let next = append(own, epoch: 2, afterEpoch: 1, [delta(4, from: 4, events: ["four"])])
      var over = append(own, epoch: 2, afterEpoch: 0, deltas)
      over.startsOver = true
      #expect(
        try await storeFailure { _ = try await store.append(next) }.code == .corruptRecord)
      let error = try await storeFailure { _ = try await store.open(own, epoch: 2) }
      #expect(error.code == .corruptRecord && error.message.contains("shard cart/0"))
      #expect(
        try await store.append(append(other, epoch: 2, afterEpoch: 1, []))
          == .mismatch(end(3, epoch: 1)))
      if key == .epoch(own) {
        // Whether the sender is primary cannot be told, so only who was told by the plan may replace the copy.
        #expect(
          try await storeFailure { _ = try await store.append(over) }.code == .corruptRecord)
        try await store.drop(own, epoch: 2)
        over.startsOver = false
      }
      #expect(try await store.append(over) == .appended(Position(3)))
      #expect(try store.verify(own).events == 3)
    }
  }

  @Test("damage met by reading deltas stops the shard, which was open")
  func damagedMiddle() async throws {
    try await fill()
    try damage(.journal(own, entity("a"), SequenceNumber(2)))
    let store = try open()
    defer { store.close() }
    for shard in [own, other] { _ = try await store.open(shard, epoch: 2) }
    #expect(try await store.commit(batch(own, epoch: 2, from: 4, events: ["four"])).failure == nil)
    #expect(try store.deltas(of: own, after: .start, byteLimit: 1) == [deltas[0]])
    for _ in 0..<2 {
      let error = try await storeFailure { _ = try store.allDeltas(of: own) }
      #expect(error.code == .corruptRecord && error.message.contains("event 2"))
    }
    // The mark takes its place in the queue.
    #expect(
      try await store.commit(batch(own, epoch: 2, from: 5, events: ["five"])).failure
        == .corruptRecord)
    #expect(
      try await store.commit(batch(other, epoch: 2, from: 4, events: ["four"])).failure == nil)
    try await store.drop(own, epoch: 3)
    #expect(
      try await store.append(append(own, epoch: 3, afterEpoch: 0, deltas)) == .appended(Position(3))
    )
    #expect(try store.allDeltas(of: own) == deltas)
    #expect(try await store.open(own, epoch: 4) == end(3, epoch: 1))
  }

  @Test("a flipped bit in any record of a copy is found by verifying it, and named")
  func everyRecord() async throws {
    try await fill()
    let consumer = ConsumerID(serviceName: "s", group: "g", eventLog: "l")
    let keys: [(StoreKey, String)] = [
      (.journal(own, entity("a"), SequenceNumber(1)), "event 1"),
      (.stream(own, Position(2)), "position 2"), (.snapshot(own, entity("a")), "the snapshot"),
      (.idempotency(own, entity("a"), key: "k"), "idempotency key k"),
      (.idempotencyIndex(own, bucketStart: time(0), entity("a"), key: "k"), "the time of"),
      (.consumer(own, consumer), "the position of"), (.epoch(own), "the epoch"),
    ]
    for (key, name) in keys {
      try damage(key)
      let store = try open()
      let error = try await storeFailure { _ = try store.verify(own) }
      #expect(error.code == .corruptRecord)
      #expect(error.message.contains(name), "\(error.message)")
      _ = try store.verify(other)
      store.close()
      // The same bit back.
      try damage(key)
    }
    let store = try open()
    defer { store.close() }
    #expect(try store.verify(own).events == 3)
  }

  @Test("a record that is missing, or says something else, is found by verifying")
  func disagreement() async throws {
    try await fill()
    let first = StoreKey.stream(own, Position(1))
    let removed: [(StoreKey, String)] = [
      (.journal(own, entity("a"), SequenceNumber(1)), "event 1"),
      (.journal(own, entity("a"), SequenceNumber(3)), "event 3"), (first, "position 1"),
      (.stream(own, Position(3)), "the journal of shard cart/0"),
      (.idempotencyIndex(own, bucketStart: time(0), entity("a"), key: "k"), "no time to expire"),
      (.epoch(own), "the epoch"),
    ]
    for (key, name) in removed {
      try await expectDisagreement(name, key) { _ in false }
    }
    func place(_ epoch: UInt64, at milliseconds: Int64, from sequence: Int64) -> StreamRecord {
      StreamRecord(
        epoch: Epoch(epoch), time: time(milliseconds), entity: entity("a"),
        firstSequence: SequenceNumber(sequence), eventCount: 1, extras: nil)
    }
    let second = StoreKey.stream(own, Position(2))
    for (record, name) in [
      (place(0, at: 1000, from: 2), "position 2"), (place(1, at: 999, from: 2), "position 2"),
      (place(1, at: 1000, from: 1), "the journal"), (place(1, at: 1001, from: 2), "position 3"),
      (place(1, at: 1000, from: .max), "position 2"),
    ] {
      try await expectDisagreement(name, second) { value in
        value = record.sealed(under: second.bytes)
        return true
      }
    }
    let snapshot = StoreKey.snapshot(own, entity("a"))
    try await expectDisagreement("the snapshot", snapshot) { value in
      value = StoredSnapshot(sequence: SequenceNumber(4), payload: payload("x"))
        .sealed(under: snapshot.bytes)
      return true
    }
    let answer = StoreKey.idempotency(own, entity("a"), key: "k")
    try await expectDisagreement("idempotency key k", answer) { value in
      value = KeptAnswer(time: time(1000), position: Position(2), commandFingerprint: 1, answer: [])
        .sealed(under: answer.bytes)
      return true
    }
  }

  private func expectDisagreement(
    _ name: String, _ key: StoreKey, _ change: (inout [UInt8]) -> Bool
  ) async throws {
    var original: [UInt8] = []
    try home.tamper(key) { value in
      original = value
      return change(&value)
    }
    do {
      let store = try open()
      defer { store.close() }
      let error = try await storeFailure { _ = try store.verify(own) }
      #expect(error.code == .corruptRecord)
      #expect(error.message.contains(name), "\(key): \(error.message)")
    }
    try home.withDatabase { database in
      var batch = WriteBatch(for: database)
      batch.put(key.bytes, original, in: try #require(database.family(key.family.rawValue)))
      try database.write(batch, sync: true)
    }
  }
}
