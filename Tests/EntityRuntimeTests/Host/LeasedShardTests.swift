import CloudstateModel
import EntityRuntime
import NIOCore
import ShardStore
import TestSupport
import Testing

/// Shards whose answers need a lease.
@Suite struct LeasedShardTests {
  private static let shard = EntityRuntimeHarness.shard(of: "a")

  /// The shard of entity `a` is served under a lease that has ended.
  private func withEndedLease(
    configuration: EntityRuntimeConfiguration = .init(),
    _ body: (EntityRuntimeHarness) async throws -> Void
  ) async throws {
    try await EntityRuntimeHarness.run(configuration: configuration) { harness in
      try await harness.withRuntime { $0.serve(Self.shard, epoch: Epoch(1), leaseEnd: 1) }
      try await body(harness)
    }
  }

  /// Sends commands to entity `a` and waits until the function has answered them all.
  private func answersHeld(
    _ methods: [String], by harness: EntityRuntimeHarness
  ) async throws -> Answers {
    let answers = Answers()
    for method in methods { harness.submit(method, to: "a") { answers.add($0.text) } }
    try await eventually("the function has answered") {
      try await harness.withFunction { $0.replies } == methods.count
    }
    return answers
  }

  private var farAway: UInt64 { (NIODeadline.now() + .hours(1)).uptimeNanoseconds }

  @Test("Answers wait for the lease and go out in order when it is extended")
  func extended() async throws {
    try await withEndedLease { harness in
      let answers = try await answersHeld(["add", "get", "add"], by: harness)
      #expect(await harness.send("fail", to: "e0").text == "failure: refused", "another shard")
      #expect(answers.texts == [])
      let end = farAway
      try await harness.withRuntime { $0.extendLease(of: Self.shard, to: end) }
      try await eventually("all are out") { answers.texts.count == 3 }
      #expect(answers.texts == ["1", "1", "2"])
      #expect(await harness.send("get", to: "a").text == "2")
    }
  }

  @Test("Answers that are held when the shard is lost tell whether something was stored")
  func lost() async throws {
    try await withEndedLease { harness in
      let answers = try await answersHeld(["add", "get"], by: harness)
      try await eventually("the batch is durable") {
        try await harness.withRuntime { $0.heldAnswers(of: Self.shard) } == 2
      }
      try await harness.withRuntime { $0.giveUp(Self.shard, because: "test") }
      #expect(answers.texts == ["error: outcome-unknown", "error: shard-unavailable"])
    }
  }

  @Test("Answers are held no longer than a command may take")
  func expired() async throws {
    var configuration = EntityRuntimeConfiguration()
    configuration.commandTimeout = .milliseconds(80)
    try await withEndedLease(configuration: configuration) { harness in
      let answers = try await answersHeld(["add", "get"], by: harness)
      try await eventually("nobody waits any more") { answers.texts.count == 2 }
      #expect(answers.texts == ["error: outcome-unknown", "error: timeout"])
    }
  }

  @Test("A hand-over waits for answers that are held")
  func handedOver() async throws {
    try await withEndedLease { harness in
      let answers = try await answersHeld(["add"], by: harness)
      let done = Answers()
      try await harness.withRuntime { $0.handOver(Self.shard) { done.add("done") } }
      try await eventually("the entity is gone") { harness.activeEntities == 0 }
      #expect(try await harness.withRuntime { _ in done.texts } == [])
      try await harness.withRuntime { $0.extendLease(of: Self.shard, to: .max) }
      try await eventually("it is handed over") { done.texts == ["done"] }
      #expect(answers.texts == ["1"])
    }
  }

  @Test("While too many answers are held, no more commands are taken")
  func bound() async throws {
    var configuration = EntityRuntimeConfiguration()
    configuration.heldAnswers = 1
    try await withEndedLease(configuration: configuration) { harness in
      let answers = try await answersHeld(["get"], by: harness)
      try await eventually("one is held") {
        try await harness.withRuntime { $0.heldAnswers(of: Self.shard) } == 1
      }
      #expect(await harness.send("get", to: "a").text == "error: shard-unavailable")
      try await harness.withRuntime { $0.extendLease(of: Self.shard, to: .max) }
      try await eventually("it is out") { answers.texts == ["0"] }
      #expect(await harness.send("get", to: "a").text == "0")
    }
  }

  @Test("A node that stops waits for the lease, as long as it may")
  func stopping() async throws {
    let harness = try await EntityRuntimeHarness(store: try InMemoryShardStore())
    try await harness.withRuntime { $0.serve(Self.shard, epoch: Epoch(1), leaseEnd: 1) }
    let answers = try await answersHeld(["add"], by: harness)
    await harness.runtime.stop(grace: .milliseconds(50))
    #expect(answers.texts == ["error: outcome-unknown"])
    try await harness.stop()
  }
}
