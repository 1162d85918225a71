import CloudstateModel
import ClusterControl
import TestSupport
import Testing

/// What random planning problems look like.
struct PlanningCases {
  var nodeCounts = 1...6
  var shardCounts: ClosedRange<UInt32> = 1...24
  var factors = 1...3
  var zones = ["a"]
  var downPart = 0.0
  var drainingPart = 0.0
  var capacities: [Double] = [1]
  var hasLoads = false
  /// The part of replicas that are not in-sync.
  var learnerPart = 0.0

  func problem(_ random: inout SeededGenerator) throws -> PlacementProblem {
    let nodes = try (0..<Int.random(in: nodeCounts, using: &random)).map { index in
      let isDown = Double.random(in: 0..<1, using: &random) < downPart
      return PlannerNode(
        node: try node("n\(index)"), zone: try #require(zones.randomElement(using: &random)),
        capacity: try #require(capacities.randomElement(using: &random)), isAlive: !isDown,
        isDraining: Double.random(in: 0..<1, using: &random) < drainingPart,
        isLost: isDown && Bool.random(using: &random))
    }
    let shardCount = UInt32.random(in: shardCounts, using: &random)
    let factor = Int.random(in: factors, using: &random)
    var weights: [ShardID: ShardWeight] = [:]
    var assignments: [ShardAssignment] = []
    for index in 0..<shardCount {
      let shard = ShardID(service: try service(), index: index)
      let copies = nodes.shuffled(using: &random).prefix(Int.random(in: 1...4, using: &random))
        .map(\.node)
      let replicas = Array(copies.dropFirst())
      assignments.append(
        ShardAssignment(
          shard: shard, primary: copies[0], replicas: replicas,
          inSync: replicas.filter { _ in Double.random(in: 0..<1, using: &random) >= learnerPart },
          epoch: Epoch(UInt64.random(in: 1...9, using: &random))))
      let load = hasLoads ? Double(Int.random(in: 0...100, using: &random)) : 1
      weights[shard] = ShardWeight(
        load: load, bytes: UInt64.random(in: 1...1_000, using: &random))
    }
    return PlacementProblem(
      service: try service(), shardCount: shardCount, replicationFactor: factor, nodes: nodes,
      assignments: assignments, weights: weights)
  }
}

extension PlacementProblem {
  /// A problem of nodes `n0`, `n1` and so on, with shards as given: `[0, 1]` is a primary on `n0` and an in-sync
  /// replica on `n1`.
  static func of(
    nodes: [PlannerNode], shards: [[Int]], factor: Int = 1,
    weights: [ShardWeight] = []
  ) throws -> PlacementProblem {
    var assignments: [ShardAssignment] = []
    var weighted: [ShardID: ShardWeight] = [:]
    for (index, copies) in shards.enumerated() {
      let shard = ShardID(service: try cartService(), index: UInt32(index))
      let replicas = try copies.dropFirst().map { try node("n\($0)") }
      assignments.append(
        ShardAssignment(
          shard: shard, primary: try node("n\(copies[0])"), replicas: replicas, inSync: replicas,
          epoch: Epoch(1)))
      if index < weights.count { weighted[shard] = weights[index] }
    }
    return PlacementProblem(
      service: try cartService(), shardCount: UInt32(shards.count), replicationFactor: factor,
      nodes: nodes, assignments: assignments, weights: weighted)
  }

  var eligible: [PlannerNode] { nodes.filter { $0.isAlive && !$0.isDraining } }

  func info(_ node: NodeID) -> PlannerNode? { nodes.first { $0.node == node } }

  /// Shards whose primary answers.
  var movable: [ShardAssignment] { assignments.filter { info($0.primary)?.isAlive == true } }

  /// The problem once all `changes` are done.
  func after(_ changes: [PlacementChange]) -> PlacementProblem {
    var next = self
    for change in changes {
      for place in next.assignments.indices {
        next.assignments[place] = next.assignments[place].applying(change)
      }
    }
    return next
  }

  /// Plans and does everything; answers the changes, too.
  func balanced() -> (problem: PlacementProblem, changes: [PlacementChange]) {
    let changes = Planner.target(for: self).changes(from: self)
    return (after(changes), changes)
  }
}

extension PlacementTarget {
  func primaryCount(_ node: NodeID) -> Int { placements.count { $0.primary == node } }

  func replicaCount(_ node: NodeID) -> Int { placements.count { $0.replicas.contains(node) } }
}

/// Live nodes `n0`, `n1` and so on, one for each zone given.
func plannerNodes(_ zones: [String]) throws -> [PlannerNode] {
  try zones.enumerated().map { PlannerNode(node: try node("n\($0.offset)"), zone: $0.element) }
}

func plannerNodes(_ count: Int) throws -> [PlannerNode] {
  try plannerNodes([String](repeating: "", count: count))
}

/// The property of the same name hides `service()` in the extension above.
private func cartService() throws -> ServiceName { try service() }

extension [PlacementChange] {
  var primaryMoves: [PlacementChange] {
    filter { if case .movePrimary = $0 { true } else { false } }
  }
  var totalBytes: UInt64 { reduce(0) { $0 + $1.bytes } }
}
