import CloudstateModel
import ClusterControl
import TestSupport
import Testing

@Suite struct PlannerTests {
  @Test func freshServiceIsBalancedWithinOneShardAndComplete() throws {
    var random = SeededGenerator(seed: testSeed("planner balance"))
    for _ in 0..<200 {
      let shardCount = UInt32.random(in: 1...300, using: &random)
      let nodes = try (0..<Int.random(in: 1...12, using: &random)).map { try node("n\($0)") }
      let assignments = Planner.assignmentsForUnassignedShards(
        of: try service(), shardCount: shardCount, nodes: nodes, current: [])
      #expect(assignments.map(\.shard.index) == Array(0..<shardCount))
      #expect(assignments.allSatisfy { $0.epoch == Epoch(1) && $0.replicas.isEmpty })
      let load = nodes.map { node in assignments.count { $0.primary == node } }
      let most = try #require(load.max())
      let least = try #require(load.min())
      #expect(most - least <= 1, "\(shardCount) shards over \(nodes.count) nodes: \(load)")
    }
  }

  @Test func orderOfNodesAndAssignmentsDoesNotMatter() throws {
    var random = SeededGenerator(seed: testSeed("planner order"))
    for _ in 0..<100 {
      let nodes = try (0..<Int.random(in: 1...8, using: &random)).map { try node("n\($0)") }
      let some = try randomAssignments(shardCount: 60, nodes: nodes, random: &random)
      let expected = Planner.assignmentsForUnassignedShards(
        of: try service(), shardCount: 60, nodes: nodes, current: some)
      let again = Planner.assignmentsForUnassignedShards(
        of: try service(), shardCount: 60, nodes: (nodes + nodes).shuffled(using: &random),
        current: some.shuffled(using: &random))
      #expect(expected == again)
    }
  }

  @Test func assignedShardsNeverMoveEvenFromMissingNodes() throws {
    var random = SeededGenerator(seed: testSeed("planner sticky"))
    for _ in 0..<100 {
      let all = try (0..<6).map { try node("n\($0)") }
      let some = try randomAssignments(shardCount: 60, nodes: all, random: &random)
      let present = Array(all.prefix(Int.random(in: 1...6, using: &random)))
      let fresh = Planner.assignmentsForUnassignedShards(
        of: try service(), shardCount: 60, nodes: present, current: some)
      let assigned = Set(some.map(\.shard))
      #expect(fresh.allSatisfy { !assigned.contains($0.shard) && present.contains($0.primary) })
      #expect(fresh.count + some.count == 60)
    }
  }

  @Test func leastLoadedNodesAreFilledFirst() throws {
    let busy = try node("a")
    let idle = try node("b")
    let current = try (0..<3).map {
      ShardAssignment(
        shard: ShardID(service: try service(), index: $0), primary: busy, epoch: Epoch(5))
    }
    let fresh = Planner.assignmentsForUnassignedShards(
      of: try service(), shardCount: 6, nodes: [busy, idle], current: current)
    #expect(fresh.map(\.primary) == [idle, idle, idle])
  }

  @Test func otherServicesAndMissingNodesCountForNothing() throws {
    let current = try (0..<9).map {
      ShardAssignment(
        shard: ShardID(service: try service("other"), index: $0), primary: try node("a"),
        epoch: Epoch(1))
    }
    let fresh = Planner.assignmentsForUnassignedShards(
      of: try service(), shardCount: 2, nodes: [try node("a"), try node("b")], current: current)
    #expect(fresh.map(\.primary.text) == ["a", "b"])
    #expect(
      Planner.assignmentsForUnassignedShards(
        of: try service(), shardCount: 2, nodes: [], current: []
      ).isEmpty)
  }

  private func randomAssignments(
    shardCount: UInt32, nodes: [NodeID], random: inout SeededGenerator
  ) throws -> [ShardAssignment] {
    var assignments: [ShardAssignment] = []
    for index in 0..<shardCount where Bool.random(using: &random) {
      let primary = try #require(nodes.randomElement(using: &random))
      assignments.append(
        ShardAssignment(
          shard: ShardID(service: try service(), index: index), primary: primary, epoch: Epoch(3)))
    }
    return assignments
  }
}
