import CloudstateModel
import EntityRuntime
import NIOCore
import ShardStore
import Synchronization
import TestSupport
import Testing

/// Shards that come and go while their entities work.
@Suite struct HostedShardTests {
  private let shard = EntityRuntimeHarness.shard(of: "a")
  /// Entities of the same shard.
  private let mates: [String]
  /// Entities of another.
  private let strangers: [String]
  private var stranger: String { strangers[0] }

  init() throws {
    let shard = shard
    let names = (0..<200).map { "e\($0)" }
    mates = names.filter { EntityRuntimeHarness.shard(of: $0) == shard }
    let first = try #require(names.first { EntityRuntimeHarness.shard(of: $0) != shard })
    let other = EntityRuntimeHarness.shard(of: first)
    strangers = names.filter { EntityRuntimeHarness.shard(of: $0) == other }
  }

  /// Counts calls.
  private final class Calls: Sendable {
    private let number = Atomic(0)
    var count: Int { number.load(ordering: .relaxed) }
    func add() { number.add(1, ordering: .relaxed) }
  }

  private func handOver(_ harness: EntityRuntimeHarness) async throws -> Calls {
    let (shard, calls) = (shard, Calls())
    try await harness.withRuntime { $0.handOver(shard) { calls.add() } }
    return calls
  }

  private func serve(
    _ harness: EntityRuntimeHarness, epoch: UInt64, leaseEnd: UInt64 = .max
  ) async throws {
    let shard = shard
    try await harness.withRuntime {
      $0.serve(shard, epoch: Epoch(epoch), leaseEnd: leaseEnd)
    }
  }

  private func atFunction(_ harness: EntityRuntimeHarness, _ count: Int) async throws {
    try await eventually("\(count) commands are with the function") {
      try await harness.withFunction { $0.held.count } == count
    }
  }

  // MARK: Epochs

  @Test("Entities live on through a change of epoch")
  func epochs() async throws {
    let store = try InMemoryShardStore()
    try await EntityRuntimeHarness.run(store: store) { harness in
      let first = await harness.send("add", to: "a")
      #expect(first.commitment?.epoch == Epoch(1))
      try store.openShard(shard, epoch: Epoch(2))
      try await serve(harness, epoch: 2)
      let second = await harness.send("add", to: "a")
      #expect(second.text == "2")
      #expect(second.commitment?.epoch == Epoch(2))
      #expect(try await harness.withFunction { $0.opened } == 1)
    }
  }

  @Test("A batch under an epoch that is over is refused as not started, and the entity recovers")
  func staleEpoch() async throws {
    let store = try InMemoryShardStore()
    try await EntityRuntimeHarness.run(store: store) { harness in
      _ = await harness.send("add", to: "a")
      try store.openShard(shard, epoch: Epoch(2))
      #expect(await harness.send("add", to: "a").text == "error: shard-unavailable")
      try await serve(harness, epoch: 2)
      #expect(await harness.send("add", to: "a").text == "2")
    }
  }

  // MARK: Handing over

  @Test("A hand-over finishes what is with the function, sends the rest back, and then is complete")
  func handOver() async throws {
    try await EntityRuntimeHarness.run { harness in
      try await harness.withFunction { $0.isHolding = true }
      async let running = harness.send("add", to: "a")
      try await atFunction(harness, 1)
      async let queued = harness.send("add", to: "a")
      _ = try await harness.withRuntime { _ in }
      let calls = try await handOver(harness)
      #expect(await harness.send("add", to: "a").text == "error: shard-unavailable")
      #expect(await harness.send("add", to: mates[0]).text == "error: shard-unavailable")
      #expect(calls.count == 0)
      try await harness.withFunction { $0.release() }
      #expect(await running.text == "1")
      #expect(await queued.text == "error: shard-unavailable")
      try await eventually("the shard is handed over") { calls.count == 1 }
      #expect(harness.activeEntities == 0)
      #expect(await harness.send("add", to: "a").text == "error: shard-unavailable")
      #expect(await harness.send("add", to: stranger).text == "1")
      try await serve(harness, epoch: 1)
      #expect(await harness.send("add", to: "a").text == "2")
      #expect(calls.count == 1)
    }
  }

  @Test("The commands of a shard are counted, each once")
  func counts() async throws {
    try await EntityRuntimeHarness.run { harness in
      let shard = shard
      var counts: [UInt64] = []
      for entities in [["a", "b", "a"], [], ["a"]] {
        for entity in entities { _ = await harness.send("add", to: entity) }
        counts.append(try await harness.withRuntime { $0.takeCommandCount(of: shard) })
      }
      #expect(counts == [3, 0, 1])
    }
  }

  @Test("A shard without entities, or that is not served, is handed over at once")
  func nothingToHandOver() async throws {
    try await EntityRuntimeHarness.run { harness in
      for _ in 0..<2 {
        let calls = try await handOver(harness)
        #expect(calls.count == 1)
      }
    }
  }

  @Test("A shard that comes back before its hand-over is complete runs each entity once")
  func servedAgain() async throws {
    try await EntityRuntimeHarness.run { harness in
      try await harness.withFunction { $0.isHolding = true }
      async let running = harness.send("add", to: "a")
      try await atFunction(harness, 1)
      let calls = try await handOver(harness)
      try await serve(harness, epoch: 1)
      // The one that leaves has the entity still.
      #expect(await harness.send("add", to: "a").text == "error: shard-unavailable")
      async let other = harness.send("add", to: mates[0])
      try await atFunction(harness, 2)
      #expect(calls.count == 0)
      try await harness.withFunction { $0.release() }
      #expect(await running.text == "1")
      #expect(await other.text == "1")
      try await eventually("the old entities are gone") { calls.count == 1 }
      #expect(harness.activeEntities == 1, "the new one stays")
      #expect(await harness.send("add", to: "a").text == "2")
      let last = try await handOver(harness)
      try await eventually("all are gone") { last.count == 1 }
      #expect(harness.activeEntities == 0)
      #expect(calls.count == 1)
    }
  }

  // MARK: Giving up

  @Test("What a lost shard had submitted has an unknown outcome, and late outcomes do no harm")
  func giveUp() async throws {
    let store = try InMemoryShardStore(committing: .whenTold)
    let shard = shard
    try await EntityRuntimeHarness.run(store: store) { harness in
      async let submitted = harness.send("add", to: "a")
      try await eventually("the entity is active") {
        try await harness.withFunction { $0.open } == 1
      }
      // Behind the reply of the function.
      try await eventually("the batch is submitted") {
        try await harness.withFunction { $0.replies } == 1
      }
      try await harness.withFunction { $0.isHolding = true }
      async let running = harness.send("add", to: mates[0])
      try await atFunction(harness, 1)
      async let queued = harness.send("add", to: mates[0])
      _ = try await harness.withRuntime { _ in }
      try await harness.withRuntime { $0.giveUp(shard, because: "test") }
      #expect(await submitted.text == "error: outcome-unknown")
      #expect(await running.text == "error: outcome-unknown")
      #expect(await queued.text == "error: shard-unavailable")
      #expect(harness.activeEntities == 0)
      store.commitPending()
      try await harness.withFunction { $0.release() }
      try await eventually("the streams are gone") {
        try await harness.withFunction { $0.open } == 0
      }
      try await serve(harness, epoch: 1)
      async let read = harness.send("get", to: "a")
      #expect(await read.text == "1", "it was stored after all")
    }
  }

  @Test("A hand-over is complete when the shard is given up")
  func giveUpHandingOver() async throws {
    try await EntityRuntimeHarness.run { harness in
      try await harness.withFunction { $0.isHolding = true }
      async let running = harness.send("add", to: "a")
      try await atFunction(harness, 1)
      let (shard, calls) = (shard, try await handOver(harness))
      try await harness.withRuntime { $0.giveUp(shard, because: "test") }
      #expect(calls.count == 1)
      #expect(await running.text == "error: outcome-unknown")
      let refused = await harness.send("add", to: "a")
      guard case .error(let error) = refused.outcome else {
        Issue.record("not refused: \(refused)")
        return
      }
      #expect(error.message.contains("test"), "the reason is told")
    }
  }

  @Test("The streams of a lost shard come back, and its entities leave the line")
  func slots() async throws {
    var configuration = EntityRuntimeConfiguration()
    configuration.maximumStreams = 1
    configuration.waitingEntities = 3
    let shard = shard
    try await EntityRuntimeHarness.run(configuration: configuration) { harness in
      for _ in 0..<3 {
        try await harness.withFunction { $0.isHolding = true }
        async let holder = harness.send("add", to: "a")
        try await atFunction(harness, 1)
        for mate in mates.prefix(3) { harness.submit("add", to: mate) }
        try await eventually("three are in line") { harness.activeEntities == 4 }
        #expect(await harness.send("add", to: mates[3]).text == "error: overloaded")
        try await harness.withRuntime { $0.giveUp(shard, because: "test") }
        #expect(await holder.text == "error: outcome-unknown")
        try await harness.withFunction { $0.release() }
        let answer = await harness.send("get", to: stranger)
        #expect(answer.text == "0")
        try await serve(harness, epoch: 1)
      }
      #expect(try await harness.withFunction { $0.mostOpen } == 1)
    }
  }

  @Test(
    "The entities of a lost shard leave the line, so that others can stand there",
    arguments: [true, false])
  func line(isLost: Bool) async throws {
    var configuration = EntityRuntimeConfiguration()
    configuration.maximumStreams = 1
    configuration.waitingEntities = 3
    let shard = shard
    try await EntityRuntimeHarness.run(configuration: configuration) { harness in
      try await harness.withFunction { $0.isHolding = true }
      async let holder = harness.send("add", to: strangers[0])
      try await atFunction(harness, 1)
      for mate in mates.prefix(3) { harness.submit("add", to: mate) }
      try await eventually("three are in line") { harness.activeEntities == 4 }
      try await harness.withRuntime {
        if isLost { $0.giveUp(shard, because: "test") } else { $0.handOver(shard) {} }
      }
      #expect(harness.activeEntities == 1)
      let waiting = Task {
        await withTaskGroup(of: String.self) { group in
          for stranger in strangers[1...3] {
            group.addTask { await harness.send("add", to: stranger).text }
          }
          return await group.reduce(into: []) { $0.append($1) }
        }
      }
      try await eventually("three others are in line") { harness.activeEntities == 4 }
      try await harness.withFunction { $0.release() }
      #expect(await holder.text == "1")
      #expect(await waiting.value == ["1", "1", "1"])
    }
  }
}
