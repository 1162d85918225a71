import CloudstateModel

/// Decides where the copies of a service's shards are to be (design section 7).
///
/// A function of its arguments alone: the order of nodes, assignments and weights does not matter, ties are decided
/// by name. The rules, the first first:
///
/// 1. A shard whose primary is down is left alone: who takes over is a matter of failover, not of balance.
/// 2. A draining node ends with nothing. A node that is down keeps its replicas, until it counts as lost.
/// 3. Two copies of a shard are never on one node, and are in different zones where there are zones enough; with
///    fewer zones no zone has more copies than need be. With fewer nodes than the replication factor there are as
///    many copies as nodes.
/// 4. Primaries are balanced. With equal loads every node has its share (by capacity) rounded down or up, with the
///    fewest moves there can be; among those with the most that need no bytes, because an in-sync replica takes over.
///    So nothing moves if it does not bring the balance nearer by a whole shard. With unequal loads see
///    ``LoadPlacement``.
/// 5. Replicas are balanced by number in the same way, with the fewest new copies. Where zones or a small number of
///    nodes leave no choice, shares grow evenly until all replicas have a place.
package enum Planner {
  /// The wanted placement of every assigned shard. Shards without an assignment are the business of
  /// ``assignmentsForUnassignedShards(of:shardCount:replicationFactor:nodes:current:)``.
  package static func target(for problem: PlacementProblem) -> PlacementTarget {
    let table = PlanningTable(problem)
    var wanted = table.shards.map { shard in
      ShardPlacement(
        shard: shard.id, primary: shard.primary, replicas: shard.replicas.sorted())
    }
    // With nowhere to go everything stays.
    guard !table.nodes.isEmpty else { return PlacementTarget(placements: wanted) }
    let primaries =
      table.hasEqualLoads
      ? PrimaryPlacement(table).places
      : LoadPlacement(table, minimumGain: problem.bounds.minimumGain).places
    let replicas = ReplicaPlacement(
      table, primaries: primaries, replicationFactor: problem.replicationFactor
    ).replicas
    for index in wanted.indices {
      guard let place = primaries[index] else { continue }
      wanted[index].primary = table.nodes[place].node
      wanted[index].replicas = replicas[index]
    }
    return PlacementTarget(placements: wanted)
  }
}
