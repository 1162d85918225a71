import CloudstateModel

// Why a node does not follow a view.

extension NodeMembershipMachine {
  /// Why no view of any coordinator with this plan can be followed; `nil` if it fits.
  func misfit(of view: ClusterView) -> String? {
    let service = configuration.info.service
    let outside = view.plan.shards.first {
      $0.shard.service == service && $0.shard.index >= configuration.shardCount
    }
    guard let outside else { return nil }
    return "plan \(view.plan.number) names shard \(outside.shard), but node "
      + "\(configuration.info.node) is set to \(configuration.shardCount) shards"
  }

  /// Why the view of another coordinator must not be followed: it takes back an assignment this
  /// node knows, so it comes from another history, and two nodes would run one shard.
  func contradiction(of view: ClusterView) -> String? {
    let service = configuration.info.service
    var primaries: [UInt32: ShardAssignment] = [:]
    for assignment in view.plan.shards where assignment.shard.service == service {
      primaries[assignment.shard.index] = assignment
    }
    for known in shardMap.assignments.compactMap(\.self) {
      let other = primaries[known.shard.index]
      if let other, other.primary == known.primary, other.epoch >= known.epoch { continue }
      return "coordinator \(view.coordinatorID) contradicts the plan this node follows (shard "
        + "\(known.shard) belongs to \(known.primary)): it is not the one that made that plan. "
        + "Start the coordinator with its old data folder"
    }
    return nil
  }
}
