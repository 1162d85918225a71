import CloudstateModel
import Dispatch
import ShardStore
import Synchronization
import TestSupport
import Testing

@Suite("Both stores: queue, order and reports")
struct QueueTests {
  @Test("a full queue refuses in order, and takes batches again", arguments: StoreKind.allCases)
  func countBound(kind: StoreKind) async throws {
    var configuration = ShardStoreConfiguration()
    configuration.maximumQueuedBatches = 3
    try await fillQueue(kind, configuration, accepted: 3)
  }

  @Test("the bound in bytes likewise", arguments: StoreKind.allCases)
  func byteBound(kind: StoreKind) async throws {
    var configuration = ShardStoreConfiguration()
    configuration.maximumQueuedBytes = 4000
    try await fillQueue(kind, configuration, accepted: 2)
  }

  private func fillQueue(
    _ kind: StoreKind, _ configuration: ShardStoreConfiguration, accepted: Int
  ) async throws {
    let disk = FaultyDisk()
    let store = try StoreHome(kind).open(configuration, fault: disk.fault)
    defer {
      disk.release()
      store.close()
    }
    let own = try shard(0)
    try store.openShard(own, epoch: Epoch(1))
    let recorder = OutcomeRecorder()
    let large = String(repeating: "x", count: 1500)
    disk.hold()
    store.submit(batch(own, from: 1, events: [large]), token: 1, to: recorder)
    try await eventually("the commit is held") { disk.isHolding }
    for token in 2...8 {
      store.submit(
        batch(own, from: Int64(token), events: [large]), token: UInt64(token), to: recorder)
    }
    #expect(recorder.outcomes.isEmpty)
    disk.release()
    let outcomes = try await recorder.wait(for: 8)
    #expect(outcomes.map(\.token) == Array(1...8))
    let kept = Array(repeating: StoreError.Code?.none, count: 1 + accepted)
    let refused = Array(repeating: StoreError.Code?.some(.overloaded), count: 7 - accepted)
    #expect(outcomes.map(\.failure) == kept + refused)
    // What follows a refused batch has to start where the stored events end.
    let next = Int64(accepted + 2)
    #expect(
      try await store.commit(batch(own, from: next + 1, events: ["e"])).failure == .outOfSequence)
    #expect(try await store.commit(batch(own, from: next, events: ["e"])).failure == nil)
  }

  @Test("a batch larger than the bound is taken when it is alone", arguments: StoreKind.allCases)
  func oversize(kind: StoreKind) async throws {
    var configuration = ShardStoreConfiguration()
    configuration.maximumQueuedBytes = 10
    let store = try StoreHome(kind).open(configuration)
    defer { store.close() }
    let own = try shard(0)
    try store.openShard(own, epoch: Epoch(1))
    #expect(try await store.commit(batch(own, events: ["larger than ten bytes"])).failure == nil)
  }

  @Test("one sync reports once to each sink", arguments: StoreKind.allCases)
  func oneCallPerSync(kind: StoreKind) async throws {
    let disk = FaultyDisk()
    let store = try StoreHome(kind).open(fault: disk.fault)
    defer {
      disk.release()
      store.close()
    }
    let own = try shard(0)
    try store.openShard(own, epoch: Epoch(1))
    let growth = Mutex<[[ShardID: Position]]>([])
    store.addCommitListener { grown in growth.withLock { $0.append(grown) } }
    let (first, left, right) = (OutcomeRecorder(), OutcomeRecorder(), OutcomeRecorder())
    disk.hold()
    store.submit(batch(own, events: ["held"]), token: 0, to: first)
    try await eventually("the commit is held") { disk.isHolding }
    for token in 0..<10 {
      store.submit(
        batch(own, from: Int64(token + 2), events: ["e"]), token: UInt64(token),
        to: token % 2 == 0 ? left : right)
    }
    disk.release()
    #expect(try await left.wait(for: 5).map(\.position?.number) == [2, 4, 6, 8, 10])
    #expect(try await right.wait(for: 5).map(\.position?.number) == [3, 5, 7, 9, 11])
    #expect(left.callSizes == [5])
    #expect(right.callSizes == [5])
    try await eventually("the listener was told") { growth.withLock(\.count) == 2 }
    #expect(growth.withLock { $0 } == [[own: Position(1)], [own: Position(11)]])
  }

  @Test(
    "a small limit per sync changes nothing but the number of syncs", arguments: StoreKind.allCases)
  func manySyncs(kind: StoreKind) async throws {
    var configuration = ShardStoreConfiguration()
    configuration.maximumBytesPerSync = 1
    let store = try StoreHome(kind).open(configuration)
    defer { store.close() }
    let own = try shard(0)
    try store.openShard(own, epoch: Epoch(1))
    let recorder = OutcomeRecorder()
    for token in 1...20 {
      store.submit(
        batch(own, from: Int64(token), events: ["e"]), token: UInt64(token), to: recorder)
    }
    #expect(try await recorder.wait(for: 20).map(\.position?.number) == (1...20).map(UInt64.init))
  }

  @Test("many threads: outcomes in order, positions without a gap", arguments: StoreKind.allCases)
  func manyThreads(kind: StoreKind) async throws {
    let store = try StoreHome(kind).open()
    defer { store.close() }
    let shards = try (0..<3).map { try shard($0) }
    for shard in shards { try store.openShard(shard, epoch: Epoch(1)) }
    let (threads, perThread) = (8, 300)
    let recorders = (0..<threads).map { _ in OutcomeRecorder() }
    let submit: @Sendable (Int) -> Void = { thread in
      for index in 0..<perThread {
        // Some are refused, and must keep their place.
        let isStale = index % 7 == 3
        let sequence = Int64(index - (index + 3) / 7 + 1)
        store.submit(
          batch(
            shards[thread % shards.count], epoch: isStale ? 0 : 1, entity: "thread-\(thread)",
            from: sequence, events: ["\(index)"]),
          token: UInt64(index), to: recorders[thread])
      }
    }
    DispatchQueue.concurrentPerform(iterations: threads, execute: submit)
    var positions: [ShardID: [Position]] = [:]
    for (thread, recorder) in recorders.enumerated() {
      let outcomes = try await recorder.wait(for: perThread)
      #expect(outcomes.map(\.token) == (0..<perThread).map(UInt64.init))
      #expect(outcomes.allSatisfy { ($0.failure == .staleEpoch) == ($0.token % 7 == 3) })
      let committed = outcomes.compactMap(\.position)
      #expect(committed == committed.sorted())
      positions[shards[thread % shards.count], default: []] += committed
    }
    for shard in shards {
      let all = try #require(positions[shard]).sorted()
      #expect(all.map(\.number) == Array(1...UInt64(all.count)))
      #expect(try store.lastPosition(of: shard) == all.last)
    }
  }

  @Test("closing commits what is queued", arguments: StoreKind.allCases)
  func closing(kind: StoreKind) async throws {
    let home = try StoreHome(kind)
    let store = try home.open()
    let own = try shard(0)
    try store.openShard(own, epoch: Epoch(1))
    let recorder = OutcomeRecorder()
    for token in 1...50 {
      store.submit(
        batch(own, from: Int64(token), events: ["e"]), token: UInt64(token), to: recorder)
    }
    store.close()
    #expect(recorder.outcomes.map(\.position?.number) == (1...50).map(UInt64.init))
    let next = try home.open()
    defer { next.close() }
    #expect(try next.lastPosition(of: own) == Position(50))
  }
}

@Suite("In-memory store driven by its caller")
struct ManualCommitTests {
  @Test("nothing happens before it is told")
  func whenTold() throws {
    let store = try InMemoryShardStore(committing: .whenTold)
    let own = try shard(0)
    try store.openShard(own, epoch: Epoch(1))
    let recorder = OutcomeRecorder()
    store.submit(batch(own, events: ["x"]), token: 1, to: recorder)
    #expect(recorder.outcomes.isEmpty)
    #expect(try store.lastPosition(of: own) == .start)
    store.commitPending()
    #expect(recorder.outcomes.map(\.position) == [Position(1)])
    store.submit(batch(own, from: 2, events: ["y"]), token: 2, to: recorder)
    store.close()
    #expect(recorder.outcomes.map(\.position) == [Position(1), Position(2)])
    store.submit(batch(own, from: 3, events: ["z"]), token: 3, to: recorder)
    #expect(recorder.outcomes.last?.failure == .closed)
  }
}
