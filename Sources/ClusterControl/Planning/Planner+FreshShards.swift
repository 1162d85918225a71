package import CloudstateModel

extension Planner {
  /// Assigns every shard of `service` that has no assignment yet, on one node each.
  ///
  /// - Parameters:
  ///   - nodes: the nodes that may be given shards; repeated names count once.
  ///   - current: the assignments of all services as they are.
  /// - Returns: as ``assignmentsForUnassignedShards(of:shardCount:replicationFactor:nodes:current:)`` with factor 1.
  package static func assignmentsForUnassignedShards(
    of service: ServiceName, shardCount: UInt32, nodes: [NodeID], current: [ShardAssignment]
  ) -> [ShardAssignment] {
    assignmentsForUnassignedShards(
      of: service, shardCount: shardCount, replicationFactor: 1,
      nodes: nodes.map { PlannerNode(node: $0) }, current: current)
  }

  /// Assigns every shard of `service` that has no assignment yet, with its replicas. What is assigned stays,
  /// even if its node is down, because the shard's data is there and nowhere else.
  ///
  /// Each shard's primary is the node that is furthest below its share of all shards (by capacity), the first by name
  /// among equals. Replicas follow the rules of ``Planner``. A fresh service is therefore such that
  /// ``target(for:)`` finds nothing to move. The replicas of one node's shards are spread over the other nodes, so
  /// that its failure burdens them all alike.
  ///
  /// - Parameters:
  ///   - nodes: those that are alive and not draining are given shards.
  ///   - current: the assignments of all services as they are.
  /// - Returns: the new assignments alone, in shard order, each with the first epoch; empty if there is nothing to
  ///   assign or no node to assign it to. All replicas are in-sync: an empty copy is complete.
  package static func assignmentsForUnassignedShards(
    of service: ServiceName, shardCount: UInt32, replicationFactor: Int, nodes: [PlannerNode],
    current: [ShardAssignment]
  ) -> [ShardAssignment] {
    let table = PlanningTable(
      PlacementProblem(
        service: service, shardCount: shardCount, replicationFactor: replicationFactor,
        nodes: nodes, assignments: current))
    guard !table.nodes.isEmpty else { return [] }
    let assigned = Set(table.shards.map(\.id.index))
    let fresh = (0..<shardCount).filter { !assigned.contains($0) }
      .map { ShardID(service: service, index: $0) }
    let primaries = freshPrimaries(fresh.count, table)
    let replicas = ReplicaPlacement(
      table.replacingShards(with: fresh), primaries: primaries,
      replicationFactor: replicationFactor, others: table.replicaCounts
    ).replicas
    return fresh.indices.compactMap { index in
      primaries[index].map { place in
        ShardAssignment(
          shard: fresh[index], primary: table.nodes[place].node, replicas: replicas[index],
          inSync: replicas[index], epoch: Epoch.none.next)
      }
    }
  }

  private static func freshPrimaries(_ count: Int, _ table: PlanningTable) -> [Int?] {
    var held = [Int](repeating: 0, count: table.nodes.count)
    for shard in table.shards { if let place = shard.place { held[place] += 1 } }
    let total = Double(held.reduce(count, +))
    let shares = table.capacities.map { total * $0 / table.totalCapacity }
    return (0..<count).map { _ in
      var neediest = 0
      for place in held.indices {
        let need = shares[place] - Double(held[place])
        // Shares are quotients: what differs by rounding alone is equal, and the name decides.
        if need > shares[neediest] - Double(held[neediest]) + 1e-9 { neediest = place }
      }
      held[neediest] += 1
      return neediest
    }
  }
}
