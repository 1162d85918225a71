import CloudstateModel
import ClusterControl
import TestSupport
import Testing

/// Shards of unequal load.
@Suite struct PlacementLoadTests {
  @Test("No node has more than its share and the heaviest shard together")
  func bound() throws {
    var random = SeededGenerator(seed: testSeed("load bound"))
    for _ in 0..<300 {
      let problem = try PlanningCases(
        nodeCounts: 1...8, shardCounts: 2...60, drainingPart: 0.15,
        capacities: Bool.random(using: &random) ? [1] : [1, 2, 0.5], hasLoads: true
      )
      .problem(&random)
      let eligible = problem.eligible
      let target = Planner.target(for: problem)
      let loads = loads(of: target, problem)
      let total = loads.values.reduce(0, +)
      let heaviest = problem.weights.values.map(\.load).max() ?? 0
      let capacity = eligible.reduce(0) { $0 + $1.capacity }
      for node in eligible {
        let share = total * node.capacity / capacity
        #expect(loads[node.node, default: 0] <= share + heaviest + 1e-6, "\(problem)")
      }
    }
  }

  @Test("A heavy shard keeps its node to itself")
  func heavy() throws {
    let problem = try PlacementProblem.of(
      nodes: try plannerNodes(3), shards: [[0], [0], [0], [1], [1], [2], [2]],
      weights: [100, 10, 10, 10, 10, 10, 10].map { ShardWeight(load: $0) })
    let target = Planner.target(for: problem)
    #expect(target.placements[0].primary == (try node("n0")))
    #expect(target.primaryCount(try node("n0")) == 1)
    #expect(target.primaryCount(try node("n1")) == 3)
    #expect(target.primaryCount(try node("n2")) == 3)
  }

  @Test("What brings less than the minimum gain is not moved")
  func threshold() throws {
    // The average is 100, so a gain of 10 counts.
    func moves(_ loads: [Double]) throws -> Int {
      let problem = try PlacementProblem.of(
        nodes: try plannerNodes(2), shards: [[0], [0], [1]],
        weights: loads.map { ShardWeight(load: $0) })
      return Planner.target(for: problem).changes(from: problem).primaryMoves.count
    }
    #expect(try moves([100, 9, 91]) == 0)
    #expect(try moves([96, 11, 93]) == 0)
    #expect(try moves([100, 11, 89]) == 1)
  }

  @Test("Where no single shard brings the minimum gain, several together do")
  func lightShards() throws {
    // Three nodes become five. The average is 13.8: a shard that weighs 1 brings less than a tenth of that.
    let problem = try PlacementProblem.of(
      nodes: try plannerNodes(5), shards: (0..<64).map { [$0 % 3] },
      weights: (0..<64).map { ShardWeight(load: $0 % 13 == 0 ? 2 : 1) })
    let target = Planner.target(for: problem)
    let loads = loads(of: target, problem).values
    #expect(loads.count == 5)
    #expect((loads.max() ?? 0) - (loads.min() ?? 0) < 2 * 0.1 * 13.8, "\(loads)")
    // No more move than the new nodes get shards.
    let changes = target.changes(from: problem)
    #expect(changes.count <= 26)
    #expect(changes.count == target.placements.count { ["n3", "n4"].contains($0.primary.text) })
  }

  @Test("An in-sync replica takes over if that helps nearly as much as a copy elsewhere")
  func roles() throws {
    // n2 is a little calmer than n1, which has a copy of shard 0.
    let busy = try PlacementProblem.of(
      nodes: try plannerNodes(3), shards: [[0, 1], [0], [1], [2]],
      weights: [20, 60, 33, 30].map { ShardWeight(load: $0, bytes: 7) })
    let changes = Planner.target(for: busy).changes(from: busy)
    #expect(changes.primaryMoves.map(\.shard.index) == [0])
    #expect(changes.totalBytes == 0)
    // The same of a shard that has to leave.
    var nodes = try plannerNodes(4)
    nodes[0].isDraining = true
    let draining = try PlacementProblem.of(
      nodes: nodes, shards: [[0, 1], [1], [2], [3]],
      weights: [10, 15, 13, 40].map { ShardWeight(load: $0, bytes: 7) })
    #expect(Planner.target(for: draining).changes(from: draining).totalBytes == 0)
  }

  @Test("The changes that bring most balance per byte come first")
  func order() throws {
    let problem = try PlacementProblem.of(
      nodes: try plannerNodes(2), shards: [[0], [0], [0], [0]],
      weights: [(10, 1_000), (10, 10), (10, 100), (11, 10_000)].map {
        ShardWeight(load: $0.0, bytes: $0.1)
      })
    let changes = Planner.target(for: problem).changes(from: problem)
    let cost = changes.primaryMoves.map(\.bytes)
    #expect(cost == cost.sorted())
    #expect(cost.count == 2)
  }

  @Test("Loads that are no numbers harm nobody")
  func nonsense() throws {
    let problem = try PlacementProblem.of(
      nodes: try plannerNodes(2), shards: [[0], [0], [0], [1]],
      weights: [.nan, .infinity, -5, 1].map { ShardWeight(load: $0) })
    let target = Planner.target(for: problem)
    #expect(target.placements.count == 4)
    #expect(target.changes(from: problem).isEmpty)
  }

  private func loads(of target: PlacementTarget, _ problem: PlacementProblem) -> [NodeID: Double] {
    var loads: [NodeID: Double] = [:]
    for placement in target.placements {
      loads[placement.primary, default: 0] += problem.weights[placement.shard]?.load ?? 1
    }
    return loads
  }
}
