import CloudstateModel
import EntityRuntime
import ShardStore
import Synchronization
import TestSupport
import Testing

/// The runtime with its loops, over an in-memory store and function.
@Suite struct EntityRuntimeTests {
  @Test(
    "Commands of one entity run one after the other, and their events are durable at the answer")
  func commands() async throws {
    try await EntityRuntimeHarness.run { harness in
      for expected in 1...7 {
        let answer = await harness.send("add", to: "a")
        #expect(answer.text == "\(expected)")
        #expect(answer.commitment?.firstSequence == SequenceNumber(Int64(expected)))
      }
      let read = await harness.send("get", to: "a")
      #expect(read.text == "7")
    }
  }

  @Test("A thousand entities work through a function that serves three streams at once")
  func streamCap() async throws {
    var configuration = EntityRuntimeConfiguration()
    configuration.maximumStreams = 3
    try await EntityRuntimeHarness.run(configuration: configuration) { harness in
      try await withThrowingTaskGroup(of: String.self) { group in
        for entity in 0..<1000 {
          group.addTask {
            _ = await harness.send("add", to: "e\(entity)")
            return await harness.send("add", to: "e\(entity)").text
          }
        }
        for try await text in group { #expect(text == "2") }
      }
      let (most, opened) = try await harness.withFunction { ($0.mostOpen, $0.opened) }
      #expect(most == 3)
      #expect(opened >= 1000)
    }
  }

  @Test("When too many entities wait for a stream, the next is refused")
  func waitingBound() async throws {
    var configuration = EntityRuntimeConfiguration()
    configuration.maximumStreams = 1
    configuration.waitingEntities = 1
    try await EntityRuntimeHarness.run(configuration: configuration) { harness in
      try await harness.withFunction { $0.isSilent = true }
      async let first = harness.send("add", to: "a")
      try await eventually("a's command is with the function") {
        try await harness.withFunction { $0.unanswered } == 1
      }
      async let second = harness.send("add", to: "b")
      try await eventually("b waits") {
        harness.runtime.counters.activeEntities.load(ordering: .relaxed) == 2
      }
      let refused = await harness.send("add", to: "c")
      #expect(refused.text == "error: overloaded")
      try await harness.withFunction {
        $0.isSilent = false; $0.crash()
      }
      #expect(await first.text == "error: unexpected-termination")
      #expect(await second.text == "1")
    }
  }

  @Test(
    "A crash of the function fails the outstanding command, and the entity comes back with its events"
  )
  func functionCrash() async throws {
    try await EntityRuntimeHarness.run { harness in
      _ = await harness.send("add", to: "a")
      let died = await harness.send("die", to: "a")
      #expect(died.text == "error: unexpected-termination")
      let after = await harness.send("add", to: "a")
      #expect(after.text == "2")
    }
  }

  @Test("A journal of many pages is replayed to its end")
  func longReplay() async throws {
    var configuration = EntityRuntimeConfiguration()
    configuration.passivationTimeout = .milliseconds(30)
    configuration.replayPageBytes = 64
    configuration.usesSnapshots = false
    try await EntityRuntimeHarness.run(configuration: configuration) { harness in
      for _ in 0..<40 { _ = await harness.send("add", to: "a") }
      try await eventually("the entity is gone") {
        harness.runtime.counters.activeEntities.load(ordering: .relaxed) == 0
      }
      #expect(await harness.send("add", to: "a").text == "41")
    }
  }

  @Test("A function that hangs is given up although commands keep coming")
  func hangingFunction() async throws {
    var configuration = EntityRuntimeConfiguration()
    configuration.commandTimeout = .milliseconds(100)
    try await EntityRuntimeHarness.run(configuration: configuration) { harness in
      _ = await harness.send("add", to: "a")
      try await harness.withFunction { $0.isSilent = true }
      let first = Answers()
      // Before those of the others, which are queued behind it and end with the entity.
      harness.submit("add", to: "a") { first.add($0.text) }
      let clients = Task {
        while !Task.isCancelled {
          harness.submit("add", to: "a")
          // The pace of clients, not a wait for anything.
          try await Task.sleep(for: .milliseconds(5))
        }
      }
      defer { clients.cancel() }
      try await eventually("the first command is answered") { !first.texts.isEmpty }
      try await harness.withFunction { $0.isSilent = false }
      #expect(first.texts == ["error: timeout"])
    }
  }

  @Test("One entity that wants a stream costs one idle entity its stream")
  func roomForOne() async throws {
    var configuration = EntityRuntimeConfiguration()
    configuration.maximumStreams = 4
    try await EntityRuntimeHarness.run(configuration: configuration) { harness in
      for entity in ["a", "b", "c", "d"] { _ = await harness.send("add", to: entity) }
      _ = await harness.send("add", to: "e")
      let open = try await harness.withFunction { $0.open }
      #expect(open == 4)
    }
  }

  @Test("A sweep that passivates many entities at once comes to an end")
  func passivationOfMany() async throws {
    var configuration = EntityRuntimeConfiguration()
    configuration.passivationTimeout = .milliseconds(30)
    try await EntityRuntimeHarness.run(configuration: configuration) { harness in
      for round in 1...3 {
        await withTaskGroup(of: Void.self) { group in
          for entity in 0..<50 {
            group.addTask {
              #expect(await harness.send("add", to: "e\(entity)").text == "\(round)")
            }
          }
        }
        try await eventually("all entities are gone") {
          harness.runtime.counters.activeEntities.load(ordering: .relaxed) == 0
        }
      }
    }
  }

  @Test("Idle entities are passivated and replayed when they are needed again")
  func passivation() async throws {
    var configuration = EntityRuntimeConfiguration()
    configuration.passivationTimeout = .milliseconds(30)
    try await EntityRuntimeHarness.run(configuration: configuration) { harness in
      for _ in 0..<7 { _ = await harness.send("add", to: "a") }
      try await eventually("the entity is gone") {
        harness.runtime.counters.activeEntities.load(ordering: .relaxed) == 0
      }
      let after = await harness.send("add", to: "a")
      #expect(after.text == "8")
    }
  }

  @Test("A function that cannot restore snapshots is given every event")
  func withoutSnapshots() async throws {
    var configuration = EntityRuntimeConfiguration()
    configuration.usesSnapshots = false
    try await EntityRuntimeHarness.run(configuration: configuration) { harness in
      for _ in 0..<7 { _ = await harness.send("add", to: "a") }
      _ = await harness.send("die", to: "a")
      let after = await harness.send("add", to: "a")
      #expect(after.text == "8")
      let snapshots = try await harness.withFunction { $0.snapshotsReceived }
      #expect(snapshots == 0)
    }
  }

  @Test("The same idempotency key gets the same answer and no second event, also after passivation")
  func idempotency() async throws {
    try await EntityRuntimeHarness.run { harness in
      let first = await harness.send("add", to: "a", key: "k")
      let again = await harness.send("add", to: "a", key: "k")
      #expect(first.text == "1")
      #expect(again.text == "1")
      #expect(again.commitment?.isDuplicate == true)
      _ = await harness.send("die", to: "a")
      let later = await harness.send("add", to: "a", key: "k")
      #expect(later.text == "1")
      let other = await harness.send("get", to: "a", key: "k")
      #expect(other.text == "error: idempotency-key-reused")
      let count = await harness.send("get", to: "a")
      #expect(count.text == "1")
    }
  }

  @Test("A function that does not answer in time loses the entity's stream")
  func commandTimeout() async throws {
    var configuration = EntityRuntimeConfiguration()
    configuration.commandTimeout = .milliseconds(50)
    try await EntityRuntimeHarness.run(configuration: configuration) { harness in
      try await harness.withFunction { $0.isSilent = true }
      let answer = await harness.send("add", to: "a")
      #expect(answer.text == "error: timeout")
      try await harness.withFunction { $0.isSilent = false }
      let after = await harness.send("add", to: "a")
      #expect(after.text == "1")
    }
  }

  @Test("A regular failure is passed on and leaves the entity alive")
  func regularFailure() async throws {
    try await EntityRuntimeHarness.run { harness in
      let failure = await harness.send("fail", to: "a")
      #expect(failure.text == "failure: refused")
      let opened = try await harness.withFunction { $0.opened }
      _ = await harness.send("get", to: "a")
      let openedAfter = try await harness.withFunction { $0.opened }
      #expect(openedAfter == opened)
    }
  }

  @Test("A shard that is not open refuses in words")
  func unopenedShard() async throws {
    try await EntityRuntimeHarness.run { harness in
      let command = EntityCommand(
        serviceName: "Counter", method: "get",
        entity: EntityKey(persistenceID: "counter", entityID: "a"),
        payloadTypeURL: "type.googleapis.com/In", payload: [])
      let answer = await withCheckedContinuation { continuation in
        harness.runtime.submit(
          command, shard: ShardID(service: EntityRuntimeHarness.service, index: 99)
        ) { continuation.resume(returning: $0) }
      }
      #expect(answer.text == "error: shard-unavailable")
    }
  }

  @Test("Stopping answers everyone")
  func stopping() async throws {
    let harness = try await EntityRuntimeHarness(store: try InMemoryShardStore())
    async let answers = withTaskGroup(of: String.self) { group in
      for entity in 0..<50 {
        group.addTask { await harness.send("add", to: "e\(entity)").text }
      }
      var texts: Set<String> = []
      for await text in group { texts.insert(text) }
      return texts
    }
    await harness.runtime.stop(grace: .seconds(5))
    #expect(await answers.isSubset(of: ["1", "error: stopping"]))
    // Only now: a command that comes when its loop is gone gets no answer.
    try await harness.stop()
  }
}
