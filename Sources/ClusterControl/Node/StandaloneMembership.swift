package import CloudstateModel

/// The cluster of a node that runs alone, without a coordinator: all shards of its service are its
/// own, with epoch 1, for ever.
package struct StandaloneMembership: ClusterHandle {
  package let nodeID: NodeID
  package let snapshot: ClusterSnapshot

  /// - Precondition: `shardCount > 0`, which configuration guarantees.
  package init(info: NodeInfo, shardCount: UInt32) {
    let assignments = Planner.assignmentsForUnassignedShards(
      of: info.service, shardCount: shardCount, nodes: [info.node], current: [])
    let plan = Plan(
      number: 1, reason: "node \(info.node) runs alone",
      createdAt: Timestamp(unixMilliseconds: Int64(clamping: info.incarnation)),
      shards: assignments)
    var shardMap = ShardMap(service: info.service, shardCount: shardCount)
    _ = shardMap.apply(plan)
    nodeID = info.node
    snapshot = ClusterSnapshot(
      shardMap: shardMap, members: [info.node: ClusterMember(info: info, liveness: .alive)],
      planNumber: plan.number, coordinatorReachable: true)
  }

  /// Calls `listener` once, before it returns, on the caller's thread; nothing changes later.
  package func addListener(_ listener: @escaping @Sendable (ClusterChange) -> Void) {
    listener(
      ClusterChange(
        snapshot: snapshot, assignments: snapshot.shardMap.assignments.compactMap(\.self)))
  }

  /// Nobody asks.
  package func report(_ reports: [ShardReport]) async {}
}
