/// A numbered document that says which node runs each shard (design section 7).
///
/// The coordinator persists a plan before it publishes it. Nodes apply plans only forward, shard by
/// shard, by comparing epochs.
package struct Plan: Hashable, Sendable {
  /// Rises by one with each published plan; 0 is the empty plan before the first.
  package var number: UInt64
  /// Why the plan was made, one sentence for people.
  package var reason: String
  package var createdAt: Timestamp
  package var shards: [ShardAssignment]
  package var moves: [ShardMove]

  package init(
    number: UInt64, reason: String, createdAt: Timestamp, shards: [ShardAssignment],
    moves: [ShardMove] = []
  ) {
    self.number = number
    self.reason = reason
    self.createdAt = createdAt
    self.shards = shards
    self.moves = moves
  }

  package static let empty = Plan(
    number: 0, reason: "nothing assigned yet", createdAt: Timestamp(unixMilliseconds: 0), shards: []
  )
}

/// Where one shard lives.
package struct ShardAssignment: Hashable, Sendable {
  package var shard: ShardID
  /// The node that runs the shard's entities.
  package var primary: NodeID
  /// Nodes that keep a synced copy, without the primary.
  package var replicas: [NodeID]
  /// The replicas whose acknowledgement a write waits for; a subset of `replicas`.
  package var inSync: [NodeID]
  package var epoch: Epoch

  package init(
    shard: ShardID, primary: NodeID, replicas: [NodeID] = [], inSync: [NodeID] = [], epoch: Epoch
  ) {
    self.shard = shard
    self.primary = primary
    self.replicas = replicas
    self.inSync = inSync
    self.epoch = epoch
  }
}

/// One shard on its way from one node to another.
package struct ShardMove: Hashable, Sendable {
  /// The steps of design section 7, in order.
  package enum Phase: String, Sendable, CaseIterable {
    case copying, caughtUp, fenced, promoted, done
  }

  package var shard: ShardID
  package var source: NodeID
  package var target: NodeID
  /// What the copy is expected to transfer.
  package var bytes: UInt64
  package var phase: Phase

  package init(shard: ShardID, source: NodeID, target: NodeID, bytes: UInt64, phase: Phase) {
    self.shard = shard
    self.source = source
    self.target = target
    self.bytes = bytes
    self.phase = phase
  }
}
