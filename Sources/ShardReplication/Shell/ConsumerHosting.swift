package import CloudstateModel

/// What hands the events of a node's shards to methods, as replication sees it. Called on the shard's event loop.
package protocol ConsumerHosting: Sendable {
  /// Consumes the shard from now on.
  func start(_ shard: ShardID)

  /// Hands over no more; `completion` is called on the loop when what is under way has ended and the positions
  /// are stored.
  func stop(_ shard: ShardID, completion: @escaping @Sendable () -> Void)

  /// The shard is not this node's any more: what is under way ends without a trace here.
  func giveUp(_ shard: ShardID)
}
