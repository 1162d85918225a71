package import CloudstateModel

/// Where the copies of one shard are wanted.
package struct ShardPlacement: Hashable, Sendable {
  package var shard: ShardID
  package var primary: NodeID
  /// In the order of their names, without the primary.
  package var replicas: [NodeID]

  package init(shard: ShardID, primary: NodeID, replicas: [NodeID]) {
    self.shard = shard
    self.primary = primary
    self.replicas = replicas
  }
}

/// Where the planner wants the shards of a service: the answer of ``Planner/target(for:)``.
package struct PlacementTarget: Hashable, Sendable {
  /// One for each assigned shard, in shard order.
  package var placements: [ShardPlacement]

  package init(placements: [ShardPlacement]) { self.placements = placements }

  /// The placement of one shard, or `nil` if it is not assigned.
  package subscript(shard: ShardID) -> ShardPlacement? {
    var low = 0
    var high = placements.count
    while low < high {
      let middle = (low + high) / 2
      if placements[middle].shard < shard { low = middle + 1 } else { high = middle }
    }
    return low < placements.count && placements[low].shard == shard ? placements[low] : nil
  }
}
