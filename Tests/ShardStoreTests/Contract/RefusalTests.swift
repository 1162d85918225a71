import CloudstateModel
import ShardStore
import TestSupport
import Testing

@Suite("Both stores: what is refused")
struct RefusalTests {
  @Test("epochs fence", arguments: StoreKind.allCases)
  func epochs(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open()
    defer { store.close() }
    let own = try shard(0)
    #expect(try await store.commit(batch(own, events: ["x"])).failure == .shardNotOpen)
    try store.openShard(own, epoch: Epoch(3))
    #expect(try await store.commit(batch(own, epoch: 3, events: ["x"])).position == Position(1))
    #expect(
      try await store.commit(batch(own, epoch: 2, from: 2, events: ["y"])).failure == .staleEpoch)
    #expect(
      try await store.commit(batch(own, epoch: 4, from: 2, events: ["y"])).failure == .shardNotOpen)
    #expect(try store.openShard(own, epoch: Epoch(3)) == Position(1))
    #expect(try store.openShard(own, epoch: Epoch(5)) == Position(1))
    #expect(
      try await store.commit(batch(own, epoch: 3, from: 2, events: ["y"])).failure == .staleEpoch)
    let error = try #require(throws: StoreError.self) {
      try store.openShard(own, epoch: Epoch(4))
    }
    #expect(error.code == .staleEpoch)
    #expect(try store.lastPosition(of: own) == Position(1))
  }

  @Test(
    "batches queued before a new epoch commit under the old one, those behind it do not",
    arguments: StoreKind.allCases)
  func epochBetweenBatches(kind: StoreKind) async throws {
    let disk = FaultyDisk()
    let store = try StoreHome(kind).open(fault: disk.fault)
    defer {
      disk.release()
      store.close()
    }
    let (own, other) = (try shard(0), try shard(1))
    try store.openShard(own, epoch: Epoch(1))
    try store.openShard(other, epoch: Epoch(1))
    let recorder = OutcomeRecorder()
    disk.hold()
    store.submit(batch(other, events: ["held"]), token: 0, to: recorder)
    try await eventually("the commit is held") { disk.isHolding }
    store.submit(batch(own, events: ["before"]), token: 1, to: recorder)
    async let opened = try store.openShard(own, epoch: Epoch(2))
    disk.release()
    #expect(try await opened == Position(1))
    store.submit(batch(own, from: 2, events: ["behind"]), token: 2, to: recorder)
    let outcomes = try await recorder.wait(for: 3)
    #expect(outcomes.map(\.failure) == [nil, nil, .staleEpoch])
  }

  @Test("batches that do not follow the stored events", arguments: StoreKind.allCases)
  func sequences(kind: StoreKind) async throws {
    let home = try StoreHome(kind)
    let own = try shard(0)
    let first = try home.open()
    try first.openShard(own, epoch: Epoch(1))
    func commit(_ store: any ShardStore, from first: Int64, _ events: [String]) async throws
      -> StoreError.Code?
    {
      try await store.commit(batch(own, from: first, events: events)).failure
    }
    #expect(try await commit(first, from: 2, ["gap"]) == .outOfSequence)
    #expect(try await commit(first, from: 0, ["zero"]) == .outOfSequence)
    #expect(try await commit(first, from: -1, ["negative"]) == .outOfSequence)
    #expect(try await commit(first, from: 1, ["a", "b"]) == nil)
    #expect(try await commit(first, from: 2, ["again"]) == .outOfSequence)
    #expect(try await commit(first, from: 4, ["gap"]) == .outOfSequence)
    #expect(try await commit(first, from: 4, []) == .outOfSequence)
    #expect(try await commit(first, from: 3, []) == nil)
    #expect(try await commit(first, from: 0, []) == nil)
    first.close()

    // The same without memory of the entity.
    for refused: Int64 in [1, 2, 4] {
      let store = try home.open()
      try store.openShard(own, epoch: Epoch(1))
      #expect(try await commit(store, from: refused, ["x"]) == .outOfSequence)
      store.close()
    }
    let last = try home.open()
    defer { last.close() }
    try last.openShard(own, epoch: Epoch(1))
    #expect(try await commit(last, from: 3, ["c"]) == nil)
    let events = try last.events(of: entity("a"), in: own, after: .none, byteLimit: .max)
    #expect(events.map(\.payload) == ["a", "b", "c"].map(payload))
  }

  @Test("a failed commit stops its shards until a restart", arguments: StoreKind.allCases)
  func failedWrite(kind: StoreKind) async throws {
    let home = try StoreHome(kind)
    for stage in [CommitStage.write, .sync] {
      let disk = FaultyDisk()
      let store = try home.open(fault: disk.fault)
      let epoch: UInt64 = stage == .write ? 1 : 2
      let (lost, spared) = (try shard(0), try shard(1))
      let before = try store.openShard(lost, epoch: Epoch(epoch))
      try store.openShard(spared, epoch: Epoch(epoch))
      disk.failNext(at: stage)
      let failed = try await store.commit(batch(lost, epoch: epoch, events: ["x"]))
      #expect(failed.failure == .writeFailed)
      let next = try await store.commit(batch(lost, epoch: epoch, events: ["x"]))
      #expect(next.failure == .shardStopped)
      #expect(try store.lastPosition(of: lost) == before)
      let error = try #require(throws: StoreError.self) {
        try store.openShard(lost, epoch: Epoch(9))
      }
      #expect(error.code == .shardStopped)
      let other = try await store.commit(
        batch(spared, epoch: epoch, entity: "\(epoch)", events: ["x"]))
      #expect(other.failure == nil)
      store.close()
      #expect(try await store.commit(batch(spared, epoch: epoch)).failure == .closed)
    }
    // Nothing was written before the failure at `write`; what came before the failure at `sync` is found
    // after the restart or not, but whole.
    let store = try home.open()
    defer { store.close() }
    let last = try store.openShard(try shard(0), epoch: Epoch(3))
    let stream = try store.stream(of: try shard(0), after: .start, byteLimit: .max)
    #expect(stream.count == Int(last.number) && stream.count <= 1)
    #expect(stream.allSatisfy { $0.events.map(\.payload) == [payload("x")] })
  }

  @Test("everything gathered with a failed commit fails, in order", arguments: StoreKind.allCases)
  func failedGroup(kind: StoreKind) async throws {
    let disk = FaultyDisk()
    let store = try StoreHome(kind).open(fault: disk.fault)
    defer {
      disk.release()
      store.close()
    }
    let (own, other) = (try shard(0), try shard(1))
    try store.openShard(own, epoch: Epoch(1))
    try store.openShard(other, epoch: Epoch(1))
    let recorder = OutcomeRecorder()
    disk.hold()
    store.submit(batch(other, events: ["held"]), token: 0, to: recorder)
    try await eventually("the commit is held") { disk.isHolding }
    for token in 1...3 {
      store.submit(
        batch(own, from: Int64(token), events: ["e"]), token: UInt64(token), to: recorder)
    }
    store.submit(batch(own, epoch: 7), token: 4, to: recorder)
    // The held commit has passed its chance to fail at `write`; it must fail at `sync`, and then
    // `other` alone is stopped.
    disk.failNext(at: .sync)
    disk.release()
    let outcomes = try await recorder.wait(for: 5)
    #expect(outcomes.map(\.token) == [0, 1, 2, 3, 4])
    #expect(outcomes.map(\.failure) == [.writeFailed, nil, nil, nil, .shardNotOpen])
    disk.failNext(at: .write)
    disk.hold()
    store.submit(batch(own, from: 4, events: ["e"]), token: 5, to: recorder)
    try await eventually("the commit is held") { disk.isHolding }
    store.submit(batch(own, from: 5, events: ["e"]), token: 6, to: recorder)
    disk.release()
    #expect(
      try await recorder.wait(for: 7).suffix(2).map(\.failure) == [.writeFailed, .shardStopped])
    #expect(try store.lastPosition(of: own) == Position(3))
  }

  @Test("an epoch that cannot be made durable stops the shard", arguments: StoreKind.allCases)
  func failedEpoch(kind: StoreKind) throws {
    let disk = FaultyDisk()
    let store = try StoreHome(kind).open(fault: disk.fault)
    defer {
      disk.release()
      store.close()
    }
    disk.failNext(at: .sync)
    let first = try #require(throws: StoreError.self) {
      try store.openShard(try shard(0), epoch: Epoch(1))
    }
    #expect(first.code == .writeFailed)
    let second = try #require(throws: StoreError.self) {
      try store.openShard(try shard(0), epoch: Epoch(1))
    }
    #expect(second.code == .shardStopped)
  }

  @Test("a closed store answers everything with closed", arguments: StoreKind.allCases)
  func closed(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open()
    let own = try shard(0)
    try store.openShard(own, epoch: Epoch(1))
    store.close()
    store.close()
    #expect(try await store.commit(batch(own, events: ["x"])).failure == .closed)
    for call in [
      { _ = try store.openShard(own, epoch: Epoch(1)) },
      { _ = try store.lastPosition(of: own) },
      { _ = try store.events(of: entity("a"), in: own, after: .none, byteLimit: 1) },
      { _ = try store.metadata("plan") },
      { try store.setMetadata("plan", to: []) },
    ] {
      #expect(try #require(throws: StoreError.self) { try call() }.code == .closed)
    }
  }
}
