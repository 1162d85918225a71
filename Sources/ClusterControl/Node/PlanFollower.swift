package import CloudstateModel

/// Decides which assignments the shards of a node are to follow when the cluster has changed.
///
/// A plan that was kept from the node's last run may have been overtaken: a replica that this node had offered may be
/// in-sync by now, or primary. Where that can be, it takes word of the coordinator to go on.
package struct PlanFollower {
  /// What is held back; `nil` once the coordinator was heard.
  private var waiting: Set<ShardID>? = []
  /// The shards whose moves the last plan had under way.
  private var moving: Set<ShardID> = []

  package init() {}

  package mutating func assignments(after change: ClusterChange) -> [ShardAssignment] {
    let snapshot = change.snapshot
    var due: Set<ShardID> = []
    if let held = waiting {
      if snapshot.coordinatorReachable, snapshot.refusal == nil {
        waiting = nil
        due = held
      } else {
        waiting = held.union(
          change.assignments.filter { $0.inSync.count < $0.replicas.count }.map(\.shard))
      }
    }
    // A move that has come, gone or got on changes no assignment by itself.
    let now = Set(snapshot.moves.map(\.shard))
    due.formUnion(moving.union(now))
    moving = now
    due.subtract(change.assignments.map(\.shard))
    let others = due.sorted().compactMap { snapshot.owner(of: $0.index) }
    return (change.assignments + others).filter { waiting?.contains($0.shard) != true }
  }
}
