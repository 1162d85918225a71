package import CloudstateModel

/// What the rest of a node needs of the cluster: who owns which shard, and where to find them.
///
/// All members may be called from any thread.
package protocol ClusterHandle: Sendable {
  /// This node.
  var nodeID: NodeID { get }

  /// The newest state of the cluster this node knows. Cheap enough for the path of a command.
  var snapshot: ClusterSnapshot { get }

  /// Calls `listener` once with the state of now, all known assignments counting as changed, and
  /// then with each later change, in order and without a gap. The listener runs on the cluster's
  /// own thread (with a ``StandaloneMembership``: once, on the caller's), where it must not block:
  /// it hops to the loops it concerns. It stays registered for the life of the handle.
  func addListener(_ listener: @escaping @Sendable (ClusterChange) -> Void)

  /// Tells the coordinator what this node knows of its shards, in the order of the calls. A message that is lost is
  /// not repeated here: the caller reports again, with what is true then, until a plan answers it. Does not block.
  ///
  /// - Parameter heard: called once, on any thread, when the coordinator has heard or could not be reached.
  func report(_ reports: [ShardReport], heard: @escaping @Sendable () -> Void)
}

/// What changed, and the state after it.
package struct ClusterChange: Sendable {
  package let snapshot: ClusterSnapshot
  /// New or newer assignments of the node's service, in shard order.
  package let assignments: [ShardAssignment]

  package init(snapshot: ClusterSnapshot, assignments: [ShardAssignment]) {
    self.snapshot = snapshot
    self.assignments = assignments
  }
}

/// The state of the cluster as one node knows it at one moment.
package struct ClusterSnapshot: Sendable {
  /// The shards of the node's own service.
  package var shardMap: ShardMap
  /// The nodes of all services, including this one once it is registered.
  package var members: [NodeID: ClusterMember]
  /// The number of the newest plan known.
  package var planNumber: UInt64
  /// The moves of the node's service that this plan has under way.
  package var moves: [ShardMove]
  /// Whether the coordinator answered lately. Without it a node goes on serving the last plan.
  /// Always true for a node that runs alone and needs none.
  package var coordinatorReachable: Bool
  /// Why the coordinator last refused this node, for people; `nil` once it is accepted.
  package var refusal: String?

  package init(
    shardMap: ShardMap, members: [NodeID: ClusterMember], planNumber: UInt64,
    moves: [ShardMove] = [], coordinatorReachable: Bool, refusal: String? = nil
  ) {
    self.shardMap = shardMap
    self.members = members
    self.planNumber = planNumber
    self.moves = moves
    self.coordinatorReachable = coordinatorReachable
    self.refusal = refusal
  }

  /// Where a shard of the node's own service lives; `nil` while it is unassigned.
  package func owner(of index: UInt32) -> ShardAssignment? { shardMap[index] }

  /// Whether every shard of the service has an owner.
  package var isFullyAssigned: Bool { shardMap.assignments.allSatisfy { $0 != nil } }
}
