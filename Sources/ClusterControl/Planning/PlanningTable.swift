import CloudstateModel

/// A planning problem in the form the algorithms work on: sorted, without doubles, nodes as numbers.
struct PlanningTable {
  struct Shard {
    var id: ShardID
    var primary: NodeID
    var replicas: [NodeID]
    var inSync: Set<NodeID>
    /// The primary's place in ``PlanningTable/nodes``; `nil` if it may not keep the shard.
    var place: Int?
    /// The primary does not answer, so the shard is left as it is.
    var isFixed: Bool
    var load: Double
    var bytes: UInt64
  }

  /// What becomes of a replica on a node that gets no shards.
  enum Absence {
    /// The node is down and may come back with its copy.
    case down
    /// The copy is to be elsewhere: the node is draining, lost or not a member.
    case leaving
  }

  /// The nodes that may be given shards, in the order of their names.
  let nodes: [PlannerNode]
  let places: [NodeID: Int]
  /// Of ``nodes``, in their order; not all zero.
  let capacities: [Double]
  let totalCapacity: Double
  /// In shard order.
  private(set) var shards: [Shard]
  private let downNodes: [NodeID: PlannerNode]

  init(_ problem: PlacementProblem) {
    var known: [NodeID: PlannerNode] = [:]
    for node in problem.nodes {
      known[node.node] = known[node.node].map { $0.precedes(node) ? $0 : node } ?? node
    }
    let nodes = known.values.filter(\.isEligible).sorted { $0.node < $1.node }
    let places = Dictionary(
      uniqueKeysWithValues: nodes.enumerated().map { ($0.element.node, $0.offset) })
    let given = nodes.map { $0.capacity.isFinite ? max(0, $0.capacity) : 0 }
    capacities = given.allSatisfy { $0 == 0 } ? given.map { _ in 1 } : given
    totalCapacity = capacities.reduce(0, +)
    self.nodes = nodes
    self.places = places
    downNodes = known.filter { !$0.value.isAlive && !$0.value.isLost && !$0.value.isDraining }

    var newest: [UInt32: ShardAssignment] = [:]
    for assignment in problem.assignments where assignment.shard.service == problem.service {
      let index = assignment.shard.index
      guard index < problem.shardCount else { continue }
      if let other = newest[index], !assignment.supersedes(other) { continue }
      newest[index] = assignment
    }
    shards = newest.keys.sorted().compactMap { index in
      guard let assignment = newest[index] else { return nil }
      let weight = problem.weights[assignment.shard] ?? ShardWeight()
      return Shard(
        id: assignment.shard, primary: assignment.primary,
        replicas: Set(assignment.replicas).subtracting([assignment.primary]).sorted(),
        inSync: Set(assignment.inSync), place: places[assignment.primary],
        isFixed: known[assignment.primary]?.isAlive != true,
        load: weight.load.isFinite ? max(0, weight.load) : 0, bytes: weight.bytes)
    }
  }

  /// Whether balance is a matter of numbers alone.
  var hasEqualLoads: Bool {
    let movable = shards.filter { !$0.isFixed }
    return movable.allSatisfy { $0.load == movable.first?.load }
  }

  /// Replicas on each of ``nodes``.
  var replicaCounts: [Int] { replicaCounts { _ in true } }

  /// Replicas on each of ``nodes`` of the shards that are left as they are.
  var fixedReplicaCounts: [Int] { replicaCounts(where: \.isFixed) }

  /// The same nodes with shards that are nowhere yet.
  func replacingShards(with fresh: [ShardID]) -> PlanningTable {
    var table = self
    table.shards = fresh.map { id in
      // Whoever becomes the primary, no node has held the shard before.
      Shard(
        id: id, primary: nodes[0].node, replicas: [], inSync: [], place: nil, isFixed: false,
        load: 1, bytes: 0)
    }
    return table
  }

  func absence(of node: NodeID) -> Absence { downNodes[node] == nil ? .leaving : .down }

  func zone(ofDownNode node: NodeID) -> String { downNodes[node]?.zone ?? "" }

  private func replicaCounts(where isCounted: (Shard) -> Bool) -> [Int] {
    var counts = [Int](repeating: 0, count: nodes.count)
    for shard in shards where isCounted(shard) {
      for replica in shard.replicas { if let place = places[replica] { counts[place] += 1 } }
    }
    return counts
  }
}

extension PlannerNode {
  /// An order of two descriptions of one node, so that it does not matter which was given first.
  fileprivate func precedes(_ other: PlannerNode) -> Bool {
    (zone, capacity, isAlive.number, isDraining.number, isLost.number)
      < (
        other.zone, other.capacity, other.isAlive.number, other.isDraining.number,
        other.isLost.number
      )
  }
}

extension ShardAssignment {
  fileprivate func supersedes(_ other: ShardAssignment) -> Bool {
    (epoch, primary) > (other.epoch, other.primary)
  }
}

extension Bool {
  fileprivate var number: Int { self ? 1 : 0 }
}
