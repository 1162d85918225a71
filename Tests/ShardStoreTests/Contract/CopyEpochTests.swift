import CloudstateModel
import ShardStore
import Synchronization
import TestSupport
import Testing

@Suite("Both stores: epochs of copies, and what is refused")
struct CopyEpochTests {
  private let own: ShardID

  init() throws { own = try shard(0) }

  @Test("a lower epoch is refused, a sign of life raises it durably", arguments: StoreKind.allCases)
  func signOfLife(kind: StoreKind) async throws {
    let home = try StoreHome(kind)
    let store = try home.open()
    let alive = append(own, epoch: 4, afterEpoch: 0, [])
    #expect(try await store.append(alive) == .appended(.start))
    store.close()
    let next = try home.open()
    defer { next.close() }
    let stale = append(own, epoch: 3, afterEpoch: 0, [delta(1, events: ["x"])])
    #expect(try await next.append(stale) == .higherEpoch(Epoch(4)))
    #expect(try await next.append(alive) == .appended(.start))
    #expect(try next.end(of: own) == .empty)
    #expect(try await next.append(append(own, epoch: 5, afterEpoch: 0, [])) == .appended(.start))
    #expect(try await next.append(alive) == .higherEpoch(Epoch(5)))
    var over = stale
    over.startsOver = true
    #expect(try await next.append(over) == .higherEpoch(Epoch(5)))
  }

  @Test("a sign of life under the same epoch writes nothing", arguments: StoreKind.allCases)
  func nothingToWrite(kind: StoreKind) async throws {
    let disk = FaultyDisk()
    let store = try StoreHome(kind).open(fault: disk.fault)
    defer { store.close() }
    _ = try await store.append(append(own, epoch: 1, afterEpoch: 0, []))
    disk.failNext(at: .write)
    #expect(
      try await store.append(append(own, epoch: 1, afterEpoch: 0, [])) == .appended(.start))
    let failed = try await storeFailure {
      _ = try await store.append(append(own, epoch: 2, afterEpoch: 0, []))
    }
    #expect(failed.code == .writeFailed)
    let stopped = try await storeFailure {
      _ = try await store.append(append(own, epoch: 3, afterEpoch: 0, []))
    }
    #expect(stopped.code == .shardStopped)
    #expect(try await storeFailure { try await store.drop(own, epoch: 3) }.code == .shardStopped)
  }

  /// Opens a shard and returns while its first batch, with token 0, is being committed.
  private func holdCommit(
    of shard: ShardID, in store: any ShardVerifying, on disk: FaultyDisk
  ) async throws -> OutcomeRecorder {
    _ = try await store.open(shard, epoch: 1)
    disk.hold()
    let recorder = OutcomeRecorder()
    store.submit(batch(shard, events: ["held"]), token: 0, to: recorder)
    try await eventually("the commit is held") { disk.isHolding }
    return recorder
  }

  @Test("shards that are opened at one time share a sync", arguments: StoreKind.allCases)
  func openedTogether(kind: StoreKind) async throws {
    let disk = FaultyDisk()
    let store = try StoreHome(kind).open(fault: disk.fault)
    defer {
      disk.release()
      store.close()
    }
    let recorder = try await holdCommit(of: own, in: store, on: disk)
    let before = disk.commits
    let opened = Mutex<[UInt32: Position]>([:])
    for index in UInt32(1)...10 {
      store.openShard(try shard(index), epoch: Epoch(1)) { result in
        let end = try? result.get()
        opened.withLock { $0[index] = end?.position }
      }
    }
    // What was written under the last epoch is settled first, so this one takes a sync more.
    store.submit(batch(own, from: 2, events: ["old"]), token: 1, to: recorder)
    store.openShard(own, epoch: Epoch(2)) { result in
      let end = try? result.get()
      opened.withLock { $0[0] = end?.position }
    }
    disk.release()
    try await eventually("all are open") { opened.withLock(\.count) == 11 }
    #expect(opened.withLock { $0[0] } == Position(2))
    #expect(opened.withLock { $0.filter { $0.key > 0 && $0.value == .start }.count } == 10)
    #expect(disk.commits == before + 2)
  }

  @Test(
    "where a shard ended when it went on under a higher epoch is told before what it takes then",
    arguments: StoreKind.allCases)
  func openedBeforeOutcomes(kind: StoreKind) async throws {
    let disk = FaultyDisk()
    let store = try StoreHome(kind).open(fault: disk.fault)
    defer {
      disk.release()
      store.close()
    }
    let recorder = try await holdCommit(of: own, in: store, on: disk)
    let seen = Mutex<(end: Position?, outcomes: Int)?>(nil)
    store.openShard(own, epoch: Epoch(2)) { result in
      let end = try? result.get()
      let outcomes = recorder.outcomes.count
      seen.withLock { $0 = (end?.position, outcomes) }
    }
    store.submit(batch(own, epoch: 2, from: 2, events: ["new"]), token: 1, to: recorder)
    disk.release()
    #expect(try await recorder.wait(for: 2).map(\.position) == [Position(1), Position(2)])
    #expect(seen.withLock { $0?.end == Position(1) && $0?.outcomes == 1 })
  }

  @Test("a sign of life waits for no sync of other shards", arguments: StoreKind.allCases)
  func signOfLifeAtOnce(kind: StoreKind) async throws {
    let disk = FaultyDisk()
    let store = try StoreHome(kind).open(fault: disk.fault)
    defer {
      disk.release()
      store.close()
    }
    let other = try shard(1)
    _ = try await store.append(append(own, epoch: 1, afterEpoch: 0, []))
    let recorder = try await holdCommit(of: other, in: store, on: disk)
    store.submit(batch(other, from: 2, events: ["second"]), token: 1, to: recorder)
    let answers = Mutex<[String]>([])
    store.append(append(own, epoch: 1, afterEpoch: 0, [])) { _ in
      answers.withLock { $0.append("sign of life") }
    }
    store.append(append(own, epoch: 2, afterEpoch: 0, [])) { _ in
      answers.withLock { $0.append("higher epoch") }
    }
    disk.releaseOne()
    try await eventually("the next commit is held") { disk.isHolding }
    #expect(answers.withLock { $0 } == ["sign of life"])
    #expect(recorder.outcomes.count == 1)
    disk.release()
    try await eventually("all is answered") { answers.withLock(\.count) == 2 }
    #expect(try await recorder.wait(for: 2).map(\.failure) == [nil, nil])
  }

  @Test("a higher epoch ends what was open here", arguments: StoreKind.allCases)
  func replacedPrimary(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open()
    defer { store.close() }
    _ = try await store.open(own, epoch: 1)
    try await store.commit(batch(own, events: ["x"]))
    // Of the same epoch there is one primary, and it is this node.
    var same = append(own, epoch: 1, afterEpoch: 1, [delta(2, from: 2, events: ["y"])])
    #expect(try await storeFailure { _ = try await store.append(same) }.code == .staleEpoch)
    (same.startsOver, same.after, same.afterEpoch, same.deltas) = (true, .start, .none, [])
    #expect(try await storeFailure { _ = try await store.append(same) }.code == .staleEpoch)
    #expect(try await store.commit(batch(own, from: 2, events: ["y"])).failure == nil)

    let next = append(own, epoch: 2, afterEpoch: 1, [delta(3, epoch: 2, from: 3, events: ["z"])])
    #expect(try await store.append(next) == .appended(Position(3)))
    #expect(try await store.commit(batch(own, from: 3, events: ["?"])).failure == .staleEpoch)
    #expect(
      try await store.commit(batch(own, epoch: 2, from: 4, events: ["?"])).failure == .shardNotOpen)
    #expect(try await store.open(own, epoch: 3) == end(3, epoch: 2))
    #expect(
      try await store.commit(batch(own, epoch: 3, from: 4, events: ["w"])).position == Position(4))
    #expect(try store.end(of: own) == end(4, epoch: 3))
  }

  @Test(
    "a mismatch under a higher epoch ends it as well, behind what was queued before",
    arguments: StoreKind.allCases)
  func mismatchEnds(kind: StoreKind) async throws {
    let disk = FaultyDisk()
    let store = try StoreHome(kind).open(fault: disk.fault)
    defer {
      disk.release()
      store.close()
    }
    let other = try shard(1)
    for shard in [own, other] { _ = try await store.open(shard, epoch: 1) }
    let recorder = OutcomeRecorder()
    disk.hold()
    store.submit(batch(other, events: ["held"]), token: 0, to: recorder)
    try await eventually("the commit is held") { disk.isHolding }
    store.submit(batch(own, events: ["before"]), token: 1, to: recorder)
    let answer = AppendRecorder()
    store.append(append(own, epoch: 2, afterEpoch: 0, []), completion: answer.completion)
    store.submit(batch(own, from: 2, events: ["behind"]), token: 2, to: recorder)
    disk.release()
    #expect(try await answer.wait().get() == .mismatch(end(1, epoch: 1)))
    let outcomes = try await recorder.wait(for: 3)
    #expect(outcomes.map(\.failure) == [nil, nil, .staleEpoch])
  }

  @Test("closing ends writing behind what was submitted before", arguments: StoreKind.allCases)
  func closing(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open()
    defer { store.close() }
    await store.close(own)
    _ = try await store.open(own, epoch: 1)
    let recorder = OutcomeRecorder()
    store.submit(batch(own, events: ["x"]), token: 0, to: recorder)
    await store.close(own)
    #expect(recorder.outcomes.map(\.position) == [Position(1)])
    #expect(try await store.commit(batch(own, from: 2, events: ["y"])).failure == .shardNotOpen)
    #expect(try await store.open(own, epoch: 1) == end(1, epoch: 1))
    #expect(try await store.commit(batch(own, from: 2, events: ["y"])).failure == nil)
    // Closed, so the same epoch may be another node's.
    await store.close(own)
    let append = append(own, epoch: 1, afterEpoch: 1, [delta(3, from: 3, events: ["z"])])
    #expect(try await store.append(append) == .appended(Position(3)))
  }

  @Test("appends that contradict themselves write nothing", arguments: StoreKind.allCases)
  func flawed(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open()
    defer { store.close() }
    _ = try await store.append(
      append(own, epoch: 2, afterEpoch: 0, [delta(1, epoch: 2, events: ["x"])]))
    let flawed: [[ShardDelta]] = [
      [delta(3, epoch: 2)],
      [delta(2, epoch: 2), delta(2, epoch: 2)],
      [delta(2, epoch: 1)],
      [delta(2, epoch: 4)],
      [delta(2, epoch: 3), delta(3, epoch: 2)],
      [delta(2, epoch: 2), delta(3, epoch: 2, at: 999)],
      [delta(2, epoch: 2, from: 0, events: ["y"])],
      [delta(2, epoch: 2, from: .max, events: ["y"])],
    ]
    for deltas in flawed {
      let append = CopyAppend(
        shard: own, epoch: Epoch(3), after: Position(1), afterEpoch: Epoch(2), deltas: deltas)
      #expect(try await storeFailure { _ = try await store.append(append) }.code == .outOfSequence)
    }
    // Not even the epoch.
    #expect(try await store.open(own, epoch: 2) == end(1, epoch: 2))
  }

  @Test(
    "a delta whose events do not follow the copy's shows that the copy is damaged",
    arguments: StoreKind.allCases)
  func contradiction(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open()
    defer { store.close() }
    let other = try shard(1)
    _ = try await store.append(append(own, epoch: 1, afterEpoch: 0, [delta(1, events: ["x"])]))
    let next = append(own, epoch: 1, afterEpoch: 1, [delta(2, from: 3, events: ["z"])])
    for _ in 0..<2 {
      let error = try await storeFailure { _ = try await store.append(next) }
      #expect(error.code == .corruptRecord)
      #expect(error.message.contains("cart/0") && error.message.contains("position 2"))
    }
    #expect(
      try await storeFailure { _ = try await store.open(own, epoch: 2) }.code == .corruptRecord)
    _ = try await store.append(append(other, epoch: 1, afterEpoch: 0, [delta(1, events: ["x"])]))
    try await store.drop(own, epoch: 1)
    _ = try await store.append(append(own, epoch: 1, afterEpoch: 0, [delta(1, events: ["x"])]))
    #expect(try await store.open(own, epoch: 2) == end(1, epoch: 1))
  }

  @Test("a failed write stops a copy until a restart", arguments: StoreKind.allCases)
  func failedWrite(kind: StoreKind) async throws {
    let home = try StoreHome(kind)
    for stage in [CommitStage.write, .sync] {
      let disk = FaultyDisk()
      let store = try home.open(fault: disk.fault)
      var over = append(
        own, epoch: 2, afterEpoch: 0,
        [delta(1, epoch: 2, events: ["x"]), delta(2, epoch: 2, entity: "b", events: ["y"])])
      over.startsOver = true
      let before = try store.end(of: own)
      disk.failNext(at: stage)
      #expect(try await storeFailure { _ = try await store.append(over) }.code == .writeFailed)
      #expect(try await storeFailure { _ = try await store.append(over) }.code == .shardStopped)
      #expect(try store.end(of: own) == before)
      store.close()
    }
    // All of it or nothing.
    let store = try home.open()
    defer { store.close() }
    let digest = try store.verify(own)
    #expect([0, 2].contains(digest.events) && digest.batches == digest.events)
  }

  @Test("a full queue and a closed store are answered so", arguments: StoreKind.allCases)
  func bounds(kind: StoreKind) async throws {
    var configuration = ShardStoreConfiguration()
    configuration.maximumQueuedBatches = 1
    let disk = FaultyDisk()
    let store = try StoreHome(kind).open(configuration, fault: disk.fault)
    defer { disk.release() }
    _ = try await store.open(own, epoch: 1)
    let recorder = OutcomeRecorder()
    disk.hold()
    store.submit(batch(own, events: ["held"]), token: 0, to: recorder)
    try await eventually("the commit is held") { disk.isHolding }
    store.submit(batch(own, from: 2, events: ["queued"]), token: 1, to: recorder)
    let answer = AppendRecorder()
    store.append(
      append(try shard(1), epoch: 1, afterEpoch: 0, []), completion: answer.completion)
    disk.release()
    let refused = try await answer.wait()
    #expect(try await storeFailure { _ = try refused.get() }.code == .overloaded)
    store.close()
    let alive = append(own, epoch: 2, afterEpoch: 0, [])
    #expect(try await storeFailure { _ = try await store.append(alive) }.code == .closed)
    #expect(try await storeFailure { try await store.drop(own, epoch: 2) }.code == .closed)
    #expect(try await storeFailure { _ = try await store.open(own, epoch: 2) }.code == .closed)
    #expect(try await storeFailure { _ = try store.end(of: own) }.code == .closed)
    #expect(try await storeFailure { _ = try store.verify(own) }.code == .closed)
    await store.close(own)
  }

  @Test("the largest and smallest numbers of a delta do no harm", arguments: StoreKind.allCases)
  func extremes(kind: StoreKind) async throws {
    let home = try StoreHome(kind)
    let store = try home.open()
    let record = IdempotencyRecord(key: "k", commandFingerprint: .max, answer: [])
    let deltas = [
      delta(1, epoch: 0, at: .min, events: ["x"], idempotency: record),
      delta(2, epoch: .max, at: .max, from: 2, events: ["y"], idempotency: record),
    ]
    let all = append(own, epoch: .max, afterEpoch: 0, deltas)
    #expect(try await store.append(all) == .appended(Position(2)))
    #expect(try store.allDeltas(of: own).map(\.time) == [Int64.min, .max].map(time))
    let digest = try store.verify(own)
    store.close()
    let next = try home.open()
    defer { next.close() }
    #expect(try next.verify(own) == digest)
    #expect(try await next.open(own, epoch: .max) == end(2, epoch: .max, at: .max))
  }
}
