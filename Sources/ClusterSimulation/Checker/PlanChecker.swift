package import CloudstateModel

/// The order of plans: an assignment never changes under its epoch, and a process follows epochs forward only.
package struct PlanChecker: Sendable {
  private struct Term: Hashable {
    let shard: ShardID
    let epoch: Epoch
  }

  private struct Follower: Hashable {
    let process: String
    let life: UInt64
    let shard: ShardID
  }

  private var assignments: [Term: ShardAssignment] = [:]
  private var followed: [Follower: Epoch] = [:]

  package init() {}

  /// A process of a node follows an assignment.
  ///
  /// - Parameter life: tells restarts of the process apart.
  package mutating func followed(
    _ assignment: ShardAssignment, by process: String, life: UInt64
  ) -> Violation? {
    let (shard, epoch) = (assignment.shard, assignment.epoch)
    let follower = Follower(process: process, life: life, shard: shard)
    if let known = followed[follower], known > epoch {
      return Violation(.plan, "\(process) follows epoch \(epoch) of \(shard) after epoch \(known)")
    }
    followed[follower] = epoch
    let term = Term(shard: shard, epoch: epoch)
    if let known = assignments[term], known != assignment {
      return Violation(
        .plan,
        "epoch \(epoch) of \(shard) was given out twice: \(known.text) and \(assignment.text)")
    }
    assignments[term] = assignment
    return nil
  }
}

extension ShardAssignment {
  /// The assignment in few words.
  package var text: String {
    func names(_ nodes: [NodeID]) -> String { nodes.map(\.text).joined(separator: ",") }
    return "\(shard.index)e\(epoch) \(primary)[\(names(inSync))](\(names(replicas)))"
  }
}
