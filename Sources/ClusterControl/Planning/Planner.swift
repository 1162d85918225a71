package import CloudstateModel

/// Decides which node runs which shard of one service.
///
/// The decision is a function of its arguments alone: the order of `nodes` and of `current` does
/// not matter. It is sticky: a shard that has an assignment keeps it even if its node is down,
/// because the shard's data is there and nowhere else. Moving shards is the business of plans with
/// moves.
package enum Planner {
  /// Assigns every shard of `service` that has no assignment yet to the node with the fewest shards
  /// of the service, the first by name among equals. A fresh service is therefore balanced within
  /// one shard.
  ///
  /// - Parameters:
  ///   - nodes: the nodes that may be given shards; repeated names count once.
  ///   - current: the assignments of all services as they are.
  /// - Returns: the new assignments alone, in shard order, each with the first epoch; empty if
  ///   there is nothing to assign or no node to assign it to.
  package static func assignmentsForUnassignedShards(
    of service: ServiceName, shardCount: UInt32, nodes: [NodeID], current: [ShardAssignment]
  ) -> [ShardAssignment] {
    let candidates = Set(nodes).sorted()
    guard !candidates.isEmpty else { return [] }
    var assigned: Set<UInt32> = []
    var load = [Int](repeating: 0, count: candidates.count)
    let places = Dictionary(
      uniqueKeysWithValues: candidates.enumerated().map { ($0.element, $0.offset) })
    for assignment in current where assignment.shard.service == service {
      assigned.insert(assignment.shard.index)
      if let place = places[assignment.primary] { load[place] += 1 }
    }
    var fresh: [ShardAssignment] = []
    for index in 0..<shardCount where !assigned.contains(index) {
      var least = 0
      for place in load.indices where load[place] < load[least] { least = place }
      load[least] += 1
      fresh.append(
        ShardAssignment(
          shard: ShardID(service: service, index: index), primary: candidates[least],
          epoch: Epoch.none.next))
    }
    return fresh
  }
}
