import CloudstateModel
import ClusterControl
import TestSupport
import Testing

/// The planner against all placements there are, on cases small enough to try them all.
@Suite struct PlacementMinimumTests {
  @Test("Nothing balanced needs fewer moves of primaries, or as few of which more are free")
  func primaries() throws {
    var random = SeededGenerator(seed: testSeed("minimum of primaries"))
    for _ in 0..<150 {
      let cases = PlanningCases(
        nodeCounts: 1...4, shardCounts: 1...6, drainingPart: 0.15,
        capacities: Bool.random(using: &random) ? [1] : [1, 2, 3], learnerPart: 0.3)
      let problem = try cases.problem(&random)
      let eligible = problem.eligible
      guard !eligible.isEmpty else { continue }
      let capacity = eligible.reduce(0) { $0 + $1.capacity }
      let shares = eligible.map { Double(problem.assignments.count) * $0.capacity / capacity }
      var best = (moves: Int.max, paid: Int.max)
      forEachChoice(of: eligible.count, times: problem.assignments.count) { choice in
        let counts = eligible.indices.map { place in choice.count { $0 == place } }
        guard zip(counts, shares).allSatisfy({ abs(Double($0) - $1) < 1 - 1e-9 }) else { return }
        var cost = (moves: 0, paid: 0)
        for (assignment, place) in zip(problem.assignments, choice) {
          let node = eligible[place].node
          if node == assignment.primary { continue }
          cost.moves += 1
          if !assignment.inSync.contains(node) { cost.paid += 1 }
        }
        if cost < best { best = cost }
      }
      let target = Planner.target(for: problem)
      var found = (moves: 0, paid: 0)
      for assignment in problem.assignments {
        let wanted = try #require(target[assignment.shard])
        if wanted.primary == assignment.primary { continue }
        found.moves += 1
        if !assignment.inSync.contains(wanted.primary) { found.paid += 1 }
      }
      #expect(found == best, "\(problem)")
    }
  }

  @Test(
    "Nothing balanced with these primaries needs fewer new replicas",
    arguments: [["a"], ["a", "b", "c"]])
  func replicas(_ zones: [String]) throws {
    var random = SeededGenerator(seed: testSeed("minimum of replicas in \(zones)"))
    var compared = 0
    for _ in 0..<150 {
      let cases = PlanningCases(
        nodeCounts: 2...4, shardCounts: 1...6, factors: 2...2, zones: zones, drainingPart: 0.15,
        learnerPart: 0.3)
      let problem = try cases.problem(&random)
      let eligible = problem.eligible
      guard eligible.count > 1 else { continue }
      let target = Planner.target(for: problem)
      let zoneCount = Set(eligible.map(\.zone)).count
      let share = Double(problem.assignments.count) / Double(eligible.count)
      var best = Int.max
      forEachChoice(of: eligible.count, times: problem.assignments.count) { choice in
        let counts = eligible.indices.map { place in choice.count { $0 == place } }
        guard counts.allSatisfy({ abs(Double($0) - share) < 1 - 1e-9 }) else { return }
        var new = 0
        for (assignment, place) in zip(problem.assignments, choice) {
          guard let primary = target[assignment.shard]?.primary else { return }
          let node = eligible[place]
          guard node.node != primary else { return }
          guard zoneCount < 2 || node.zone != problem.info(primary)?.zone else { return }
          if !([assignment.primary] + assignment.replicas).contains(node.node) { new += 1 }
        }
        best = min(best, new)
      }
      // Where zones allow no balance there is nothing to compare with.
      guard best < .max else { continue }
      compared += 1
      var found = 0
      for assignment in problem.assignments {
        let wanted = try #require(target[assignment.shard]?.replicas)
        found += Set(wanted).subtracting(assignment.replicas + [assignment.primary]).count
      }
      #expect(found == best, "\(problem)")
    }
    #expect(compared > 20)
  }

  @Test("Roles are changed before anything is copied")
  func swaps() throws {
    // n0 has all primaries; n1 has copies of two shards, n2 of none.
    let problem = try PlacementProblem.of(
      nodes: try plannerNodes(3), shards: [[0], [0], [0], [0, 1], [0, 1], [0]], factor: 1,
      weights: [1, 2, 3, 4, 5, 6].map { ShardWeight(bytes: $0) })
    let changes = Planner.target(for: problem).changes(from: problem)
    #expect(changes.primaryMoves.map(\.bytes) == [0, 0, 1, 2])
    #expect(changes.prefix(2).map(\.shard.index).sorted() == [3, 4])
  }

  @Test("Of a node's shards the smallest move")
  func smallest() throws {
    let problem = try PlacementProblem.of(
      nodes: try plannerNodes(2), shards: [[0], [0], [0], [0]],
      weights: [900, 10, 700, 20].map { ShardWeight(bytes: $0) })
    let changes = Planner.target(for: problem).changes(from: problem)
    #expect(changes.totalBytes == 30)
  }

  @Test("What is balanced within one shard stays")
  func stickiness() throws {
    for shards in [
      [[0], [0], [1]], [[0], [1], [1]], [[0], [0], [1], [1], [2]], [[2], [1], [2]],
    ] {
      let problem = try PlacementProblem.of(nodes: try plannerNodes(3), shards: shards)
      let moves = Planner.target(for: problem).changes(from: problem)
      let counts = (0..<3).map { place in shards.count { $0[0] == place } }
      let isBalanced = (counts.max() ?? 0) - (counts.min() ?? 0) <= 1
      #expect(moves.isEmpty == isBalanced, "\(shards): \(moves)")
    }
  }
}

/// Calls `body` with every list of `times` numbers below `count`.
private func forEachChoice(of count: Int, times: Int, _ body: ([Int]) -> Void) {
  var choice = [Int](repeating: 0, count: times)
  while true {
    body(choice)
    guard let place = choice.lastIndex(where: { $0 < count - 1 }) else { return }
    choice[place] += 1
    for later in choice.indices where later > place { choice[later] = 0 }
  }
}
