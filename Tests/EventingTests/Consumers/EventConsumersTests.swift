import CloudstateModel
import Eventing
import Logging
import NIOCore
import NIOPosix
import ShardStore
import Synchronization
import TestSupport
import Testing

/// Consumers on real event loops, over a store in memory and a function that records what it is handed.
@Suite struct EventConsumersTests {
  @Test("Stored events and new ones are handed over, each once, in the order of their shard")
  func handsOver() async throws {
    let node = try await ConsumingNode()
    for shard in UInt32(0)..<4 { try node.commit(shard, entity: "a", count: 2) }
    try await node.start(0..<4)
    try await eventually("stored events are handled") { node.function.handled.count >= 8 }
    for shard in UInt32(0)..<4 { try node.commit(shard, entity: "b", count: 3) }
    try await eventually("new events are handled") { node.function.handled.count >= 20 }
    for shard in UInt32(0)..<4 {
      #expect(
        node.function.handled.filter { $0.hasPrefix("\(shard)-") } == [
          "\(shard)-1-0", "\(shard)-1-1", "\(shard)-2-0", "\(shard)-2-1", "\(shard)-2-2",
        ])
    }
    try await node.stop()
  }

  @Test("After a restart the next event comes first")
  func restart() async throws {
    let disk = InMemoryDisk()
    for round in 0..<3 {
      let node = try await ConsumingNode(disk: disk)
      try node.commit(0, entity: "\(round)", count: 2)
      try await node.start(0..<1)
      try await eventually("events are handled") { node.function.handled.count >= 2 }
      #expect(node.function.handled == ["0-\(round + 1)-0", "0-\(round + 1)-1"])
      try await node.stop()
      #expect(node.storedPosition == ConsumerPosition(batches: Position(UInt64(round + 1))))
      node.store.close()
    }
  }

  @Test("A shard that is given up and comes back is never consumed twice at the same time")
  func givenUp() async throws {
    let node = try await ConsumingNode()
    try node.commit(0, entity: "a", count: 3)
    node.function.hold()
    try await node.start(0..<1)
    try await eventually("an event is with the function") { node.function.holding == 1 }
    async let stopped: Void = node.stop(0)
    try await eventually("it stops") { node.isStopping(0) }
    try await node.start(0..<1)
    try node.commit(0, entity: "b", count: 1)
    node.function.release()
    try await stopped
    try await eventually("all events are handled") { node.function.handled.count >= 4 }
    #expect(node.function.handled == ["0-1-0", "0-1-1", "0-1-2", "0-2-0"])
    #expect(node.function.mostAtOnce == 1)
    try await node.stop()
  }

  @Test("However often a shard leaves and comes back, each event is handed over once, in order")
  func comesAndGoes() async throws {
    let node = try await ConsumingNode()
    for round in 1...20 {
      try await node.start(0..<1)
      try node.commit(0, entity: "a\(round)", count: 1)
      if round.isMultiple(of: 2) {
        try await eventually("an event is handled") { node.function.handled.count >= 2 * round - 1 }
      }
      try await node.stop(0)
      let handled = node.function.handled.count
      #expect(node.storedPosition == ConsumerPosition(batches: Position(UInt64(handled))))
      try node.commit(0, entity: "b\(round)", count: 1)
      try await eventually("it is stored") { node.lastPosition == Position(UInt64(2 * round)) }
      #expect(node.function.handled.count == handled, "nothing is handed over meanwhile")
    }
    try await node.start(0..<1)
    try await eventually("all events are handled") { node.function.handled.count >= 40 }
    #expect(node.function.handled == (1...40).map { "0-\($0)-0" })
    try await node.stop()
  }

  @Test("Nothing is stored for a shard that is lost, and its event comes again")
  func lost() async throws {
    let node = try await ConsumingNode()
    try node.commit(0, entity: "a", count: 1)
    node.function.hold()
    try await node.start(0..<1)
    try await eventually("an event is with the function") { node.function.holding == 1 }
    try await node.giveUp(0)
    node.function.release()
    // Is complete when what was with the function is.
    try await node.stop(0)
    #expect(node.function.handled == ["0-1-0"])
    #expect(node.storedPosition == .start)
    try await node.start(0..<1)
    try await eventually("it comes again") { node.function.handled.count >= 2 }
    #expect(node.function.handled == ["0-1-0", "0-1-0"])
    try await node.stop()
  }

  @Test("A shard that is not consumed has stopped at once")
  func notConsumed() async throws {
    let node = try await ConsumingNode(isConsuming: false)
    try await node.stop(0)
    try await node.start(0..<1)
    try await node.stop(0)
    try await node.stop()
  }

  @Test("No more events are with the function at once than the settings say")
  func bound() async throws {
    let node = try await ConsumingNode { $0.maximumCalls = 2 }
    node.function.hold()
    for shard in UInt32(0)..<6 { try node.commit(shard, entity: "a", count: 2) }
    try await node.start(0..<6)
    try await eventually("the function is full") { node.function.holding == 2 }
    node.function.release()
    try await eventually("all events are handled") { node.function.handled.count >= 12 }
    #expect(node.function.mostAtOnce == 2)
    try await node.stop()
  }

  @Test("An event that fails comes again with the same key, and later ones wait")
  func retries() async throws {
    let node = try await ConsumingNode { $0.firstRetryDelay = .milliseconds(1) }
    node.function.fail(times: 3)
    try node.commit(0, entity: "a", count: 2)
    try await node.start(0..<1)
    try await eventually("both events are handled") { node.function.handled.count >= 2 }
    #expect(node.function.keys.count == 5)
    #expect(Set(node.function.keys.prefix(4)).count == 1)
    try await node.stop()
  }

  @Test("A node without consumers has nothing to wait for when it stops")
  func noConsumers() async throws {
    let node = try await ConsumingNode(isConsuming: false)
    try await node.start(0..<2)
    let time = await ContinuousClock().measure { await node.consumers.stop(grace: .seconds(20)) }
    #expect(time < .seconds(10))
    try await node.stop()
  }

  @Test("Without a method for its type an event is a failure like others")
  func noMethod() async throws {
    let node = try await ConsumingNode(inputType: "test.Other") {
      $0.maximumAttempts = 1
    }
    try node.commit(0, entity: "a", count: 2)
    try await node.start(0..<1)
    try await eventually("the events are skipped") {
      node.storedPosition == ConsumerPosition(batches: Position(1))
    }
    #expect(node.function.keys.isEmpty)
    try await node.stop()
  }
}
