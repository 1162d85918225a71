import CloudstateModel
import ClusterControl
import TestSupport
import Testing

/// What holds of every target, whatever the problem.
@Suite struct PlacementBalanceTests {
  private static let kinds: [PlanningCases] = [
    PlanningCases(),
    PlanningCases(zones: ["a", "b", "c"]),
    PlanningCases(zones: ["a", "b"], downPart: 0.2, drainingPart: 0.2, learnerPart: 0.3),
    PlanningCases(
      zones: ["a", "b", ""], downPart: 0.1, drainingPart: 0.1, capacities: [1, 2, 0.5, 0]),
    PlanningCases(zones: ["a", "b"], downPart: 0.1, drainingPart: 0.1, hasLoads: true),
    PlanningCases(
      nodeCounts: 5...20, shardCounts: 50...200, zones: ["a", "b", "c"], downPart: 0.1,
      drainingPart: 0.1),
  ]

  @Test(
    "A shard has as many copies as it can have, on different nodes and in different zones",
    arguments: kinds.indices)
  func copies(_ kind: Int) throws {
    var random = SeededGenerator(seed: testSeed("copies of kind \(kind)"))
    for _ in 0..<150 {
      let problem = try Self.kinds[kind].problem(&random)
      let target = Planner.target(for: problem)
      #expect(target.placements.count == problem.assignments.count)
      let eligible = problem.eligible
      for present in problem.movable where !eligible.isEmpty {
        let wanted = try #require(target[present.shard])
        let copies = [wanted.primary] + wanted.replicas
        #expect(Set(copies).count == copies.count)
        #expect(eligible.contains { $0.node == wanted.primary })
        let returning = wanted.replicas.filter { replica in
          !eligible.contains { $0.node == replica }
        }
        #expect(
          returning.allSatisfy { node in
            let info = problem.info(node)
            return present.replicas.contains(node) && info?.isAlive == false
              && info?.isLost == false && info?.isDraining == false
          })
        #expect(
          copies.count
            == min(problem.replicationFactor, eligible.count + returning.count))
        // As many zones as there can be, when nothing outside counts.
        let zones = Set(copies.compactMap { problem.info($0)?.zone })
        let allZones = Set(eligible.map(\.zone))
        if returning.isEmpty, allZones.count >= copies.count {
          #expect(zones.count == copies.count)
        }
      }
    }
  }

  @Test("Shards whose primary does not answer are left alone", arguments: kinds.indices)
  func fixed(_ kind: Int) throws {
    var random = SeededGenerator(seed: testSeed("fixed of kind \(kind)"))
    for _ in 0..<100 {
      let problem = try Self.kinds[kind].problem(&random)
      let target = Planner.target(for: problem)
      let changes = target.changes(from: problem)
      for present in problem.assignments where problem.info(present.primary)?.isAlive != true {
        #expect(target[present.shard]?.primary == present.primary)
        #expect(target[present.shard]?.replicas == present.replicas.sorted())
        #expect(!changes.contains { $0.shard == present.shard })
      }
    }
  }

  @Test("Primaries and replicas of equal shards are balanced within one")
  func balance() throws {
    var random = SeededGenerator(seed: testSeed("balance"))
    for _ in 0..<300 {
      let problem = try PlanningCases(drainingPart: 0.2, learnerPart: 0.2).problem(&random)
      let target = Planner.target(for: problem)
      let nodes = problem.eligible.map(\.node)
      guard !nodes.isEmpty else { continue }
      for counts in [nodes.map(target.primaryCount), nodes.map(target.replicaCount)] {
        let most = try #require(counts.max())
        let least = try #require(counts.min())
        #expect(most - least <= 1, "\(counts) in \(problem)")
      }
    }
  }

  @Test("Every node has its share of primaries by capacity, rounded down or up")
  func capacity() throws {
    var random = SeededGenerator(seed: testSeed("capacity"))
    for _ in 0..<300 {
      let problem = try PlanningCases(drainingPart: 0.2, capacities: [1, 2, 3, 0.5])
        .problem(&random)
      let target = Planner.target(for: problem)
      let total = problem.eligible.reduce(0) { $0 + $1.capacity }
      for node in problem.eligible {
        let share = Double(problem.assignments.count) * node.capacity / total
        let count = Double(target.primaryCount(node.node))
        #expect(abs(count - share) < 1 - 1e-6, "\(node.node): \(count) of \(share)")
      }
    }
  }

  @Test("A node of capacity 0 gets something only if nobody else can take it")
  func withoutCapacity() throws {
    var nodes = try plannerNodes(3)
    nodes[2].capacity = 0
    let problem = try PlacementProblem.of(
      nodes: nodes, shards: [[0, 1], [1, 2], [2, 0]], factor: 2)
    let target = Planner.target(for: problem)
    #expect(target.primaryCount(try node("n2")) == 0)
    #expect(target.replicaCount(try node("n2")) == 0)
    let three = Planner.target(
      for: try PlacementProblem.of(nodes: nodes, shards: [[0, 1], [1, 0]], factor: 3))
    #expect(three.replicaCount(try node("n2")) == 2)
  }

  @Test("Zones come before balance: one node alone in its zone gets a copy of everything")
  func loneZone() throws {
    let nodes = try plannerNodes(["a", "b", "b", "b"])
    let problem = try PlacementProblem.of(
      nodes: nodes, shards: (0..<12).map { [$0 % 4] }, factor: 2)
    let target = Planner.target(for: problem)
    #expect(target.primaryCount(try node("n0")) == 3)
    #expect(target.replicaCount(try node("n0")) == 9)
    for other in ["n1", "n2", "n3"] { #expect(target.replicaCount(try node(other)) == 1) }
  }

  @Test("The order of inputs does not matter", arguments: kinds.indices)
  func permutation(_ kind: Int) throws {
    var random = SeededGenerator(seed: testSeed("permutation of kind \(kind)"))
    for _ in 0..<60 {
      let problem = try Self.kinds[kind].problem(&random)
      var other = problem
      other.nodes = (problem.nodes + problem.nodes).shuffled(using: &random)
      other.assignments.shuffle(using: &random)
      for place in other.assignments.indices {
        other.assignments[place].replicas.shuffle(using: &random)
        other.assignments[place].inSync.shuffle(using: &random)
      }
      let target = Planner.target(for: problem)
      let again = Planner.target(for: other)
      #expect(target == again)
      #expect(target.changes(from: problem) == again.changes(from: other))
    }
  }

  @Test(
    "The changes lead to the target, and then there is nothing to change", arguments: kinds.indices)
  func convergence(_ kind: Int) throws {
    var random = SeededGenerator(seed: testSeed("convergence of kind \(kind)"))
    for _ in 0..<60 {
      var problem = try Self.kinds[kind].problem(&random)
      let target = Planner.target(for: problem)
      for change in target.changes(from: problem) {
        let before = try #require(problem.assignments.first { $0.shard == change.shard })
        problem = problem.after([change])
        let after = try #require(problem.assignments.first { $0.shard == change.shard })
        #expect(after.epoch > before.epoch, "\(change) did not fit \(before)")
        let wanted = try #require(target[change.shard])
        #expect(after.replicas.count >= min(before.replicas.count, wanted.replicas.count))
      }
      for assignment in problem.assignments {
        #expect(target[assignment.shard]?.primary == assignment.primary)
        #expect(target[assignment.shard]?.replicas == assignment.replicas.sorted())
      }
      let rest = Planner.target(for: problem).changes(from: problem)
      #expect(rest.isEmpty, "\(rest) in \(problem)")
    }
  }

  @Test("With nowhere to go everything stays")
  func nowhere() throws {
    var nodes = try plannerNodes(2)
    nodes[0].isDraining = true
    nodes[1].isDraining = true
    let problem = try PlacementProblem.of(nodes: nodes, shards: [[0, 1], [0, 1]], factor: 2)
    #expect(Planner.target(for: problem).changes(from: problem).isEmpty)
    var empty = problem
    empty.nodes = []
    #expect(Planner.target(for: empty).changes(from: empty).isEmpty)
  }
}
