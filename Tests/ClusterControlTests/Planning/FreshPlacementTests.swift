import CloudstateModel
import ClusterControl
import TestSupport
import Testing

/// The first assignment of a service with replicas.
@Suite struct FreshPlacementTests {
  @Test("A fresh service is placed such that the planner finds nothing to move")
  func settled() throws {
    var random = SeededGenerator(seed: testSeed("fresh placement"))
    for _ in 0..<200 {
      let nodes = try (0..<Int.random(in: 1...9, using: &random)).map { index in
        PlannerNode(
          node: try node("n\(index)"),
          zone: try #require(["a", "b", "c"].randomElement(using: &random)),
          capacity: try #require([1, 1, 2, 0.5].randomElement(using: &random)),
          isAlive: index == 0 || Double.random(in: 0..<1, using: &random) < 0.9)
      }
      let shardCount = UInt32.random(in: 1...80, using: &random)
      let factor = Int.random(in: 1...4, using: &random)
      let fresh = Planner.assignmentsForUnassignedShards(
        of: try service(), shardCount: shardCount, replicationFactor: factor,
        nodes: nodes.shuffled(using: &random), current: [])
      #expect(fresh.map(\.shard.index) == Array(0..<shardCount))
      for assignment in fresh {
        #expect(assignment.inSync == assignment.replicas)
        #expect(assignment.epoch == Epoch(1))
        #expect(assignment.replicas.count == min(factor, nodes.count(where: \.isAlive)) - 1)
      }
      let problem = PlacementProblem(
        service: try service(), shardCount: shardCount, replicationFactor: factor, nodes: nodes,
        assignments: fresh)
      let changes = Planner.target(for: problem).changes(from: problem)
      #expect(changes.isEmpty, "\(changes)")
    }
  }

  @Test("The replicas of one node's shards are spread evenly over all others")
  func spread() throws {
    let fresh = Planner.assignmentsForUnassignedShards(
      of: try service(), shardCount: 60, replicationFactor: 2, nodes: try plannerNodes(5),
      current: [])
    for primary in try plannerNodes(5).map(\.node) {
      let hosts = fresh.filter { $0.primary == primary }.flatMap(\.replicas)
      for other in try plannerNodes(5).map(\.node) where other != primary {
        #expect(hosts.count { $0 == other } == 3)
      }
    }
  }

  @Test("Shards that came later fill up who has least, and nothing that is assigned changes")
  func more() throws {
    var random = SeededGenerator(seed: testSeed("later shards"))
    for _ in 0..<100 {
      let nodes = try plannerNodes(Int.random(in: 2...6, using: &random))
      let all = Planner.assignmentsForUnassignedShards(
        of: try service(), shardCount: 40, replicationFactor: 2, nodes: nodes, current: [])
      let some = all.filter { _ in Bool.random(using: &random) }
      let fresh = Planner.assignmentsForUnassignedShards(
        of: try service(), shardCount: 40, replicationFactor: 2, nodes: nodes,
        current: some.shuffled(using: &random))
      #expect(Set(fresh.map(\.shard)).isDisjoint(with: some.map(\.shard)))
      #expect(fresh.count + some.count == 40)
      #expect(fresh.allSatisfy { $0.replicas.count == 1 && $0.replicas != [$0.primary] })
    }
  }

  @Test("The largest service is placed and planned in one piece")
  func large() throws {
    let nodes = try plannerNodes((0..<9).map { "z\($0 % 3)" })
    let fresh = Planner.assignmentsForUnassignedShards(
      of: try service(), shardCount: 4_096, replicationFactor: 3, nodes: nodes, current: [])
    var problem = PlacementProblem(
      service: try service(), shardCount: 4_096, replicationFactor: 3,
      nodes: nodes + [PlannerNode(node: try node("new"), zone: "z0")], assignments: fresh)
    let (after, changes) = problem.balanced()
    #expect(changes.primaryMoves.count == 409)
    problem = after
    #expect(Planner.target(for: problem).changes(from: problem).isEmpty)
  }
}
