import CloudstateModel
import ShardStore
import Testing

@Suite("Both stores: idempotency records expire")
struct ExpiryTests {
  private func configuration(_ clock: ManualClock) -> ShardStoreConfiguration {
    var configuration = ShardStoreConfiguration()
    configuration.idempotencyRetention = .milliseconds(800)
    configuration.now = { clock.now }
    return configuration
  }

  private func record(
    _ key: String, _ fingerprint: UInt64, at position: UInt64 = 0
  ) -> IdempotencyRecord {
    IdempotencyRecord(
      key: key, commandFingerprint: fingerprint, answer: [1], position: Position(position))
  }

  @Test("an expired record is not returned", arguments: StoreKind.allCases)
  func expired(kind: StoreKind) async throws {
    let clock = ManualClock(1000)
    let store = try StoreHome(kind).open(configuration(clock))
    defer { store.close() }
    let own = try shard(0)
    try store.openShard(own, epoch: Epoch(1))
    try await store.commit(batch(own, at: 1000, from: 0, idempotency: record("k", 1)))
    clock.set(1799)
    #expect(try store.idempotencyRecord("k", of: entity("a"), in: own) == record("k", 1, at: 1))
    clock.set(1800)
    #expect(try store.idempotencyRecord("k", of: entity("a"), in: own) == nil)
  }

  @Test(
    "sweeping removes the old and keeps the young and the renewed", arguments: StoreKind.allCases)
  func sweep(kind: StoreKind) async throws {
    let clock = ManualClock(1000)
    let store = try StoreHome(kind).open(configuration(clock))
    defer { store.close() }
    let own = try shard(0)
    try store.openShard(own, epoch: Epoch(1))
    for key in ["old", "renewed"] {
      try await store.commit(batch(own, at: 1000, from: 0, idempotency: record(key, 1)))
    }
    clock.set(1900)
    try await store.commit(batch(own, at: 1900, from: 0, idempotency: record("renewed", 2)))
    try await store.commit(batch(own, at: 1900, from: 0, idempotency: record("young", 3)))
    clock.set(2100)
    for _ in 0..<2 { try await store.commit(batch(own, at: 2100, from: 0)) }
    // Set back, so that only a sweep can make a record absent.
    clock.set(1000)
    #expect(try store.idempotencyRecord("old", of: entity("a"), in: own) == nil)
    #expect(
      try store.idempotencyRecord("renewed", of: entity("a"), in: own)
        == record("renewed", 2, at: 3))
    #expect(
      try store.idempotencyRecord("young", of: entity("a"), in: own) == record("young", 3, at: 4))
  }

  @Test(
    "copies that follow are swept too, and send nothing that expired", arguments: StoreKind.allCases
  )
  func following(kind: StoreKind) async throws {
    let clock = ManualClock(1000)
    let store = try StoreHome(kind).open(configuration(clock))
    defer { store.close() }
    let own = try shard(0)
    let held = delta(1, events: ["x"], idempotency: record("k", 1))
    _ = try await store.append(append(own, epoch: 1, afterEpoch: 0, [held]))
    #expect(try store.allDeltas(of: own) == [held])
    #expect(try store.verify(own).answers == 1)
    clock.set(1800)
    let expired = delta(1, events: ["x"])
    #expect(try store.allDeltas(of: own) == [expired])
    #expect(try store.verify(own).answers == 0)
    clock.set(2100)
    for _ in 0..<2 { _ = try await store.append(append(own, epoch: 2, afterEpoch: 0, [])) }
    // Set back, so that only a sweep can make it absent.
    clock.set(1000)
    #expect(try store.idempotencyRecord("k", of: entity("a"), in: own) == nil)
    #expect(try store.allDeltas(of: own) == [expired])
    #expect(try store.verify(own).events == 1)
  }
}
