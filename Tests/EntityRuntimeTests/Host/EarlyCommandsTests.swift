import CloudstateModel
import TestSupport
import Testing

@testable import EntityRuntime

/// Commands that come while their shard is being opened.
@Suite struct EarlyCommandsTests {
  private let shard = EntityRuntimeHarness.shard(of: "a")

  // MARK: The rules

  /// What is done to it, with answers that can be compared.
  private final class Room {
    var early = EarlyCommands<Int>()
    var count: Int { early.count }
    func expect(_ shard: ShardID, now: UInt64 = 0) -> UInt64 { early.expect(shard, now: now) }
    func keep(
      _ number: Int, bytes: Int = 1, deadline: UInt64? = nil, for shard: ShardID
    ) -> Bool { early.keep(number, bytes: bytes, deadline: deadline, for: shard) }
    func take(_ shard: ShardID) -> [Int] { Array(early.take(shard)) }
    func overdue(_ shard: ShardID, now: UInt64) -> [Int] { Array(early.overdue(shard, now: now)) }
    func takeAll() -> [Int] { early.takeAll() }
  }

  @Test("Only what comes for an expected shard is kept, in order, until the shard is taken")
  func kept() {
    let room = Room()
    #expect(!room.keep(1, for: shard))
    _ = room.expect(shard)
    for number in 2...4 { #expect(room.keep(number, for: shard)) }
    #expect(room.count == 3)
    #expect(room.take(shard) == [2, 3, 4])
    #expect(room.count == 0)
    #expect(!room.keep(5, for: shard))
    #expect(room.take(shard).isEmpty)
  }

  @Test("A shard that is expected again keeps what it has, as long as if it were the first time")
  func again() {
    let room = Room()
    let first = room.expect(shard)
    #expect(room.keep(1, for: shard))
    let second = room.expect(shard, now: 10)
    #expect(room.overdue(shard, now: first).isEmpty)
    #expect(room.overdue(shard, now: second) == [1])
    #expect(!room.keep(2, for: shard), "it is not expected any more")
  }

  @Test("The room is bounded over all shards, and is there again for those behind")
  func bounded() {
    let (room, all) = (Room(), EarlyCommands<Int>.maximumCount)
    let other = ShardID(service: EntityRuntimeHarness.service, index: shard.index + 1)
    _ = room.expect(shard)
    _ = room.expect(other)
    for number in 0..<all { #expect(room.keep(number, for: number % 2 == 0 ? shard : other)) }
    #expect(!room.keep(1, for: shard))
    #expect(!room.keep(1, for: other))
    #expect(room.take(shard).count == all / 2)
    #expect(room.keep(1, for: other))
    #expect(room.takeAll().count == all / 2 + 1)
    #expect(room.count == 0)
    #expect(!room.keep(1, for: other))
  }

  @Test("The room is bounded in bytes, too")
  func bytes() {
    let (room, all) = (Room(), EarlyCommands<Int>.maximumBytes)
    _ = room.expect(shard)
    #expect(room.keep(1, bytes: all - 1, for: shard))
    #expect(!room.keep(2, bytes: 2, for: shard))
    #expect(room.keep(3, bytes: 1, for: shard))
    #expect(room.take(shard) == [1, 3])
    _ = room.expect(shard)
    #expect(room.keep(4, bytes: all, for: shard))
  }

  @Test("What could not be refused in time is refused at once")
  func deadlines() {
    let room = Room()
    let due = room.expect(shard)
    let soonest = due + EarlyCommands<Int>.answerTime
    #expect(!room.keep(1, deadline: soonest - 1, for: shard))
    #expect(room.keep(2, deadline: soonest, for: shard))
  }

  // MARK: With entities

  /// A runtime whose shard was given up and is expected again, and two commands that wait for it.
  private func withEarly(
    _ body: (EntityRuntimeHarness, Answers) async throws -> Void
  ) async throws {
    let shard = shard
    try await EntityRuntimeHarness.run { harness in
      try await harness.withRuntime {
        $0.giveUp(shard, because: "it moves")
        $0.expect(shard)
      }
      let answers = Answers()
      for number in 1...2 {
        harness.submit("add", to: "a") { answers.add("\(number): \($0.text)") }
      }
      _ = try await harness.withRuntime { _ in }
      #expect(answers.texts.isEmpty)
      try await body(harness, answers)
    }
  }

  @Test("Early commands run in their order as soon as the shard is served")
  func served() async throws {
    let shard = shard
    try await withEarly { harness, answers in
      try await harness.withRuntime { $0.serve(shard, epoch: Epoch(1), leaseEnd: .max) }
      #expect(await harness.send("add", to: "a").text == "3")
      #expect(answers.texts == ["1: 1", "2: 2"])
    }
  }

  @Test("Early commands are refused as not started when the shard is not to be served after all")
  func refused() async throws {
    let shard = shard
    for ends in [
      { $0.giveUp(shard, because: "damage") }, { $0.handOver(shard) {} },
    ] as [@Sendable (EntityRuntime) -> Void] {
      try await withEarly { harness, answers in
        try await harness.withRuntime(ends)
        let refusal = "error: shard-unavailable"
        #expect(answers.texts == ["1: \(refusal)", "2: \(refusal)"])
        #expect(await harness.send("add", to: "a").text == refusal, "it is not expected any more")
      }
    }
  }

  @Test("Early commands are refused when the shard takes too long")
  func overdue() async throws {
    try await withEarly { harness, answers in
      try await eventually("they are refused") { answers.texts.count == 2 }
      #expect(answers.texts.allSatisfy { $0.hasSuffix("error: shard-unavailable") })
      #expect(await harness.send("add", to: "a").text == "error: shard-unavailable")
    }
  }

  @Test("A node that stops answers early commands")
  func stopping() async throws {
    try await withEarly { harness, answers in
      await harness.runtime.stop(grace: .seconds(5))
      #expect(answers.texts == ["1: error: stopping", "2: error: stopping"])
    }
  }
}
