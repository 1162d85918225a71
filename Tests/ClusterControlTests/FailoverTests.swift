import CloudstateModel
import Logging
import MessageBus
import TestSupport
import Testing

@testable import ClusterControl

/// Coordinator and nodes with their shells, over an in-memory network.
@Suite struct FailoverTests {
  @Test("Nodes report over the bus, a killed one is found by asking it, and its replica takes over")
  func killedNode() async throws {
    var harness = try ClusterHarness(expecting: 2)
    // Silence alone would take minutes.
    harness.configuration.livenessTimeout = .seconds(120)
    harness.configuration.suspectTimeout = .seconds(100)
    harness.configuration.rebalancing.lostAfter = .seconds(600)
    harness.configuration.rebalancing.progressTimeout = .seconds(600)
    harness.configuration.rebalancing.delay = .seconds(600)
    let coordinator = try await harness.startCoordinator()
    let first = try await harness.startNode("a", copies: 2)
    let second = try await harness.startNode("b", copies: 2)
    try await eventually("the plan is there") {
      first.snapshot.isFullyAssigned && second.snapshot.isFullyAssigned
    }
    let lagging = try #require(first.snapshot.shardMap[0])
    let primary = lagging.primary == first.nodeID ? first : second
    primary.report([
      ShardReport(
        shard: lagging.shard, epoch: lagging.epoch, isServing: true, lagging: Set(lagging.inSync))
    ]) {}
    try await eventually("the replica is out") { first.snapshot.shardMap[0]?.inSync == [] }
    let changed = try #require(first.snapshot.shardMap[0])
    primary.report([
      ShardReport(
        shard: changed.shard, epoch: changed.epoch, isServing: true,
        caughtUp: Set(changed.replicas))
    ]) {}
    try await eventually("the replica is in again") {
      first.snapshot.shardMap[0]?.inSync == changed.replicas
    }

    try #require(second.bus as? InMemoryMessageBus).shutdown()
    try await eventually("the other has all shards") {
      first.snapshot.primaries.allSatisfy { $0 == first.nodeID }
    }
    #expect(first.snapshot.liveness(of: "b") == .down)
    #expect(first.snapshot.shardMap[0]?.replicas == [second.nodeID])
    try await first.stop()
    try await second.stop()
    try await coordinator.stop()
  }
}
