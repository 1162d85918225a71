import CloudstateModel
import ClusterControl
import TestSupport
import Testing

/// Nodes that join, drain, fail and are lost, one after the other.
@Suite struct PlacementSequenceTests {
  @Test("A new node gets its share, and nothing moves between the others")
  func join() throws {
    let problem = try PlacementProblem.of(
      nodes: try plannerNodes(3), shards: (0..<12).map { [$0 % 3, ($0 + 1) % 3] }, factor: 2)
    #expect(Planner.target(for: problem).changes(from: problem).isEmpty)
    var joined = problem
    joined.nodes = try plannerNodes(4)
    let changes = Planner.target(for: joined).changes(from: joined)
    let new = try node("n3")
    #expect(changes.primaryMoves.count == 3)
    for change in changes {
      switch change {
      case .movePrimary(_, _, let target, _): #expect(target == new)
      case .addReplica(_, let node, _): #expect(node == new)
      case .removeReplica(_, let node): #expect(node != new)
      }
    }
    // Its share of all copies, and not one more.
    #expect(changes.totalBytes == 6)
    #expect(joined.after(changes).copies(on: new) == 6)
  }

  @Test("A draining node ends with nothing; its shards go to their replicas first")
  func drain() throws {
    var problem = try PlacementProblem.of(
      nodes: try plannerNodes(3), shards: (0..<12).map { [$0 % 3, ($0 + 1) % 3] }, factor: 2)
    problem.nodes[2].isDraining = true
    let (after, changes) = problem.balanced()
    #expect(after.copies(on: try node("n2")) == 0)
    // Two nodes and a factor of two: each has everything afterwards, and only what it did not have is copied.
    #expect(changes.totalBytes == 8)
    #expect(changes.primaryMoves.count == 4)
    #expect(after.assignments.count { $0.primary.text == "n0" } == 6)
  }

  @Test("A node that is down keeps its replicas until it counts as lost")
  func leave() throws {
    var problem = try PlacementProblem.of(
      nodes: try plannerNodes(4), shards: (0..<12).map { [$0 % 3, 3] }, factor: 2)
    problem = problem.balanced().problem
    let down = try node("n3")
    problem.nodes[3].isAlive = false
    let before = problem.copies(on: down)
    #expect(before > 0)
    let stay = Planner.target(for: problem)
    #expect(stay.replicaCount(down) == problem.assignments.count { $0.replicas.contains(down) })
    problem.nodes[3].isLost = true
    let (after, changes) = problem.balanced()
    #expect(after.assignments.allSatisfy { !$0.replicas.contains(down) })
    // The copies that were lost are made first; nothing is taken away before.
    let firstRemoval = try #require(changes.firstIndex { $0.bytes == 0 })
    #expect(changes[..<firstRemoval].contains { $0.bytes > 0 })
  }

  @Test("A factor that rises adds copies, one that falls takes those on failed nodes first")
  func factor() throws {
    var problem = try PlacementProblem.of(
      nodes: try plannerNodes(3), shards: (0..<6).map { [$0 % 3] }, factor: 3)
    let raised = problem.balanced()
    #expect(raised.changes.count == 12)
    #expect(raised.problem.assignments.allSatisfy { $0.replicas.count == 2 })
    problem = raised.problem
    problem.nodes[2].isAlive = false
    problem.replicationFactor = 2
    let changes = Planner.target(for: problem).changes(from: problem)
    #expect(changes.allSatisfy { $0.bytes == 0 })
    for change in changes {
      guard case .removeReplica(_, let node) = change else { continue }
      #expect(node.text == "n2")
    }
    #expect(changes.count == 4)
  }

  @Test("What is cut off comes with the next plan")
  func limit() throws {
    var problem = try PlacementProblem.of(
      nodes: try plannerNodes(4), shards: (0..<40).map { [0, $0 % 3 + 1] }, factor: 2)
    problem.bounds.maximumChanges = 5
    let whole = { (problem: PlacementProblem) in
      var problem = problem
      problem.bounds.maximumChanges = .max
      return Planner.target(for: problem).changes(from: problem).primaryMoves.count
    }
    var rest = whole(problem)
    for _ in 0..<50 {
      let changes = Planner.target(for: problem).changes(from: problem)
      if changes.isEmpty { break }
      #expect(changes.count <= 5)
      problem = problem.after(changes)
      let now = whole(problem)
      #expect(now <= rest)
      rest = now
    }
    #expect(Planner.target(for: problem).changes(from: problem).isEmpty)
  }

  @Test("Invariants hold through any sequence of events")
  func sequences() throws {
    var random = SeededGenerator(seed: testSeed("planning sequences"))
    for _ in 0..<30 {
      let factor = Int.random(in: 1...3, using: &random)
      var nodes = try plannerNodes(["a", "b", "c", "a"])
      let fresh = Planner.assignmentsForUnassignedShards(
        of: try service(), shardCount: 30, replicationFactor: factor, nodes: nodes, current: [])
      var problem = PlacementProblem(
        service: try service(), shardCount: 30, replicationFactor: factor, nodes: nodes,
        assignments: fresh)
      for step in 0..<20 {
        let chosen = Int.random(in: nodes.indices, using: &random)
        switch Int.random(in: 0...4, using: &random) {
        case 0:
          nodes.append(
            PlannerNode(
              node: try node("m\(step)"),
              zone: try #require(["a", "b", "c"].randomElement(using: &random))))
        case 1: nodes[chosen].isDraining.toggle()
        case 2:
          nodes[chosen].isAlive = false
          failOver(&problem, nodes)
        case 3: nodes[chosen].isLost = !nodes[chosen].isAlive
        default:
          nodes[chosen].isAlive = true
          nodes[chosen].isLost = false
        }
        problem.nodes = nodes
        let (after, changes) = problem.balanced()
        #expect(Planner.target(for: after).changes(from: after).isEmpty)
        for assignment in after.assignments {
          let copies = [assignment.primary] + assignment.replicas
          #expect(Set(copies).count == copies.count)
        }
        if !after.eligible.isEmpty {
          let target = Planner.target(for: after)
          let counts = after.eligible.map { node in
            after.movable.count { target[$0.shard]?.primary == node.node }
          }
          #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 1)
          for node in nodes where node.isDraining && node.isAlive {
            #expect(after.movable.allSatisfy { $0.primary != node.node })
          }
        }
        #expect(changes.allSatisfy { $0.bytes <= 1 })
        problem = after
      }
    }
  }

  /// What the coordinator does when nodes fail: in-sync replicas take over.
  private func failOver(_ problem: inout PlacementProblem, _ nodes: [PlannerNode]) {
    let alive = Set(nodes.filter(\.isAlive).map(\.node))
    for place in problem.assignments.indices {
      let assignment = problem.assignments[place]
      guard !alive.contains(assignment.primary),
        let heir = assignment.inSync.first(where: alive.contains)
      else { continue }
      problem.assignments[place] = assignment.applying(
        .movePrimary(shard: assignment.shard, from: assignment.primary, to: heir, bytes: 0))
      problem.assignments[place].inSync.removeAll { !alive.contains($0) }
    }
  }
}

extension PlacementProblem {
  func copies(on node: NodeID) -> Int {
    assignments.count { $0.primary == node || $0.replicas.contains(node) }
  }
}
