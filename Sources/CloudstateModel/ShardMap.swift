/// What a node knows of a service's placement: the newest assignment of each shard it has heard of.
///
/// A pure value that applies plans only forward: an assignment replaces an older one only if its
/// epoch is higher, so a plan that arrives late or twice changes nothing.
package struct ShardMap: Sendable {
  package let service: ServiceName
  /// The number of the newest plan applied.
  package private(set) var planNumber: UInt64 = 0
  /// Indexed by shard index; `nil` where no plan has named the shard yet.
  package private(set) var assignments: [ShardAssignment?]

  package var shardCount: UInt32 { UInt32(assignments.count) }

  package init(service: ServiceName, shardCount: UInt32) {
    self.service = service
    self.assignments = Array(repeating: nil, count: Int(shardCount))
  }

  /// Where the shard lives, or `nil` while it is unassigned.
  package subscript(index: UInt32) -> ShardAssignment? {
    index < shardCount ? assignments[Int(index)] : nil
  }

  /// Applies what is newer in `plan` and answers the assignments that changed, in shard order.
  package mutating func apply(_ plan: Plan) -> [ShardAssignment] {
    var changed: [ShardAssignment] = []
    for assignment in plan.shards where assignment.shard.service == service {
      let index = assignment.shard.index
      guard index < shardCount else { continue }
      if let known = assignments[Int(index)], known.epoch >= assignment.epoch { continue }
      assignments[Int(index)] = assignment
      changed.append(assignment)
    }
    planNumber = max(planNumber, plan.number)
    return changed.sorted { $0.shard < $1.shard }
  }

  /// The shards that `node` runs, in order.
  package func shards(ofPrimary node: NodeID) -> [ShardID] {
    assignments.compactMap { $0?.primary == node ? $0?.shard : nil }
  }
}
