import CloudstateModel
import ShardStore
import TestSupport
import Testing

@Suite("Both stores: copies of replicated entities")
struct ReplicaTests {
  @Test(
    "deltas gather behind the whole copy, and a new whole copy takes their place",
    arguments: StoreKind.allCases)
  func wholeAndDeltas(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open()
    defer { store.close() }
    let own = entity("a")
    #expect(try store.replica(of: own) == nil)
    try await store.write(own, delta: [1], number: 1)
    try await store.write(own, delta: [2, 2], number: 2)
    #expect(try store.replica(of: own) == replica(own, [[1], [2, 2]], lastNumber: 2))
    try await store.write(own, whole: [9], replacing: 2)
    #expect(try store.replica(of: own) == replica(own, [[9]], lastNumber: 0))
    try await store.write(own, delta: [3], number: 1)
    #expect(try store.replica(of: own) == replica(own, [[9], [3]], lastNumber: 1))
    try await store.write(own, whole: [], replacing: 1)
    #expect(try store.replica(of: own) == replica(own, [[]], lastNumber: 0))
  }

  @Test("copies outlast a restart", arguments: StoreKind.allCases)
  func restart(kind: StoreKind) async throws {
    let home = try StoreHome(kind)
    let first = try home.open()
    try await first.write(entity("a"), whole: [1], replacing: 0)
    try await first.write(entity("a"), delta: [2], number: 1)
    first.close()
    let second = try home.open()
    defer { second.close() }
    #expect(try second.replica(of: entity("a")) == replica(entity("a"), [[1], [2]], lastNumber: 1))
  }

  @Test(
    "a bucket holds the entities whose names hash to it, each bucket its own",
    arguments: StoreKind.allCases)
  func buckets(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open()
    defer { store.close() }
    // The last three differ in their bytes only by how their texts are cut or spelled.
    var entities = (0..<300).map { entity("entity-\($0)") }
    entities += [
      EntityKey(persistenceID: "ab", entityID: "c"), EntityKey(persistenceID: "a", entityID: "bc"),
      entity("\u{e9}"), entity("e\u{301}"), entity("a\0b"),
    ]
    for (index, entity) in entities.enumerated() {
      try await store.write(entity, whole: [UInt8(index & 0xff)], replacing: 0)
      try await store.write(entity, delta: [7], number: 1)
    }
    var found: [EntityKey: StoredReplica] = [:]
    for bucket in Set(entities.map { ReplicaBucket(of: $0) }) {
      for stored in try store.replicas(in: bucket) {
        #expect(ReplicaBucket(of: stored.entity) == bucket)
        #expect(found.updateValue(stored, forKey: stored.entity) == nil)
      }
    }
    #expect(found.count == entities.count)
    for (index, entity) in entities.enumerated() {
      #expect(found[entity] == replica(entity, [[UInt8(index & 0xff)], [7]], lastNumber: 1))
      #expect(try store.replica(of: entity) == found[entity])
    }
    #expect(ReplicaBucket(ReplicaBucket.count) == nil)
  }

  @Test("two entities of one bucket are kept apart", arguments: StoreKind.allCases)
  func oneBucket(kind: StoreKind) async throws {
    let bucket = ReplicaBucket(of: entity("0"))
    let twin = try #require(
      (1...).lazy.map { entity("\($0)") }.first { ReplicaBucket(of: $0) == bucket })
    let store = try StoreHome(kind).open()
    defer { store.close() }
    for own in [entity("0"), twin] {
      try await store.write(own, delta: [1], number: 1)
      try await store.write(own, delta: [2], number: 2)
    }
    let stored = try store.replicas(in: bucket)
    #expect(stored.count == 2)
    #expect(stored.allSatisfy { $0.parts == [[1], [2]] && $0.lastNumber == 2 })
  }

  @Test(
    "copies and batches share one sync, and a failed one stops both", arguments: StoreKind.allCases)
  func failedCommit(kind: StoreKind) async throws {
    for stage in [CommitStage.write, .sync] {
      let home = try StoreHome(kind)
      let disk = FaultyDisk()
      let store = try home.open(fault: disk.fault)
      let own = try shard(0)
      try store.openShard(own, epoch: Epoch(1))
      try await store.write(entity("a"), delta: [1], number: 1)
      disk.failNext(at: stage)
      #expect(try await store.write(entity("a"), delta: [2], number: 2) == .writeFailed)
      #expect(try await store.write(entity("a"), delta: [2], number: 2) == .shardStopped)
      #expect(try await store.write(entity("b"), whole: [1], replacing: 0) == .shardStopped)
      #expect(
        try await store.commit(batch(own, events: ["x"])).failure == nil,
        "no batch was in the failed commit")
      store.close()
      #expect(try await store.write(entity("a"), delta: [2], number: 2) == .closed)
      #expect(throws: StoreError.self) { try store.replica(of: entity("a")) }
      // Of what failed in the sync nobody knows; what was acknowledged is there.
      let next = try home.open()
      defer { next.close() }
      let parts = try next.replica(of: entity("a"))?.parts
      #expect(parts == [[1]] || (stage == .sync && parts == [[1], [2]]))
    }
  }

  @Test(
    "a failed commit of batches alone leaves replicated entities going",
    arguments: StoreKind.allCases)
  func failedBatches(kind: StoreKind) async throws {
    let disk = FaultyDisk()
    let store = try StoreHome(kind).open(fault: disk.fault)
    defer { store.close() }
    let own = try shard(0)
    try store.openShard(own, epoch: Epoch(1))
    disk.failNext(at: .write)
    #expect(try await store.commit(batch(own, events: ["x"])).failure == .writeFailed)
    #expect(try await store.write(entity("a"), delta: [1], number: 1) == nil)
  }

  @Test(
    "behind a change that was refused no delta of its entity is stored until its whole copy is",
    arguments: StoreKind.allCases)
  func refusedChange(kind: StoreKind) async throws {
    var configuration = ShardStoreConfiguration()
    configuration.maximumQueuedBatches = 1
    let disk = FaultyDisk()
    let home = try StoreHome(kind)
    let store = try home.open(configuration, fault: disk.fault)
    let own = entity("a")
    try await store.write(own, delta: [1], number: 1)
    // The queue is full for the second change of each kind, and not for the third.
    for refused in [ReplicaWrite.Change.delta([3], number: 3), .whole([9], replacingDeltasUpTo: 2)]
    {
      let recorder = OutcomeRecorder()
      disk.hold()
      store.submit(
        ReplicaWrite(entity: entity("held"), change: .whole([0], replacingDeltasUpTo: 0)), token: 0,
        to: recorder)
      try await eventually("the commit is held") { disk.isHolding }
      store.submit(
        ReplicaWrite(entity: own, change: .whole([2], replacingDeltasUpTo: 9)), token: 1,
        to: recorder)
      store.submit(ReplicaWrite(entity: own, change: refused), token: 2, to: recorder)
      disk.release()
      #expect(try await recorder.wait(for: 3).map(\.failure) == [nil, nil, .overloaded])
      #expect(try await store.write(own, delta: [4], number: 1) == .overloaded)
      #expect(try await store.write(entity("b"), whole: [1], replacing: 0) == nil)
      #expect(try store.replica(of: own) == replica(own, [[2]], lastNumber: 0))
      #expect(try await store.write(own, whole: [5], replacing: 9) == nil)
      #expect(try await store.write(own, delta: [6], number: 1) == nil)
    }
    store.close()
    let next = try home.open()
    defer { next.close() }
    #expect(try next.replica(of: own) == replica(own, [[5], [6]], lastNumber: 1))
  }

  @Test("outcomes of batches and copies keep their order", arguments: StoreKind.allCases)
  func order(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open()
    defer { store.close() }
    let own = try shard(0)
    try store.openShard(own, epoch: Epoch(1))
    let recorder = OutcomeRecorder()
    for token: UInt64 in 1...40 {
      if token % 2 == 0 {
        store.submit(
          batch(own, from: Int64(token / 2), events: ["e"]), token: token, to: recorder)
      } else {
        store.submit(
          ReplicaWrite(
            entity: entity("a"), change: .delta([UInt8(token)], number: (token + 1) / 2)),
          token: token, to: recorder)
      }
    }
    let outcomes = try await recorder.wait(for: 40)
    #expect(outcomes.map(\.token) == Array(1...40))
    #expect(outcomes.allSatisfy { $0.failure == nil })
    #expect(try store.replica(of: entity("a"))?.lastNumber == 20)
    #expect(try store.lastPosition(of: own) == Position(20))
  }
}

func replica(_ entity: EntityKey, _ parts: [[UInt8]], lastNumber: UInt64) -> StoredReplica {
  StoredReplica(entity: entity, parts: parts, lastNumber: lastNumber)
}

extension ShardStore {
  /// Writes a delta and waits; answers the failure's code, if it failed.
  @discardableResult
  func write(_ entity: EntityKey, delta: [UInt8], number: UInt64) async throws -> StoreError.Code? {
    try await write(ReplicaWrite(entity: entity, change: .delta(delta, number: number)))
  }

  /// Likewise the whole copy.
  @discardableResult
  func write(
    _ entity: EntityKey, whole: [UInt8], replacing lastNumber: UInt64
  ) async throws -> StoreError.Code? {
    try await write(
      ReplicaWrite(entity: entity, change: .whole(whole, replacingDeltasUpTo: lastNumber)))
  }

  private func write(_ write: ReplicaWrite) async throws -> StoreError.Code? {
    let recorder = OutcomeRecorder()
    submit(write, token: 0, to: recorder)
    return try await recorder.wait(for: 1)[0].failure
  }
}
