package import CloudstateModel

/// What tailing must know of the cluster: who owns which shard, and who the members are. Supplied by
/// the node, which learns it from plans. Members may be called from any thread and must not block.
package protocol StreamTopology: Sendable {
  /// Shards of the service, `> 0` and fixed for its life.
  var shardCount: UInt32 { get }
  /// The number of the newest plan applied.
  var planNumber: UInt64 { get }
  /// The nodes of the service, for people.
  var members: [StreamMember] { get }
  /// The current assignment of a shard, or `nil` while it is unassigned.
  func assignment(of shard: UInt32) -> ShardAssignment?
}

extension StreamTopology {
  /// The node that runs a shard, or `nil` while it is unassigned.
  package func owner(of shard: UInt32) -> NodeID? { assignment(of: shard)?.primary }
}

/// One node as `describe` shows it.
package struct StreamMember: Hashable, Sendable {
  package var node: NodeID
  /// `host:port` of the public listener.
  package var publicAddress: String
  /// A word such as `alive`.
  package var liveness: String

  package init(node: NodeID, publicAddress: String, liveness: String) {
    self.node = node
    self.publicAddress = publicAddress
    self.liveness = liveness
  }
}
