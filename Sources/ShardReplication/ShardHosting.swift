package import CloudstateModel

/// What runs the entities of a node's shards, as replication sees it. All members are called on the shard's
/// event loop.
package protocol ShardHosting: Sendable {
  /// The shard is being opened: ``serve(_:epoch:leaseEnd:)`` or ``giveUp(_:because:)`` usually follows soon, so that
  /// commands may wait for it.
  func expect(_ shard: ShardID)

  /// Takes commands of the shard from now on, or, if it does already, goes on under a higher epoch without
  /// interruption. The shard is open in the store for this epoch, behind everything submitted before.
  ///
  /// - Parameter leaseEnd: answers may be given until then, in nanoseconds of the monotonic clock; `.max`
  ///   where no lease is needed.
  func serve(_ shard: ShardID, epoch: Epoch, leaseEnd: UInt64)

  /// Answers may be given until then. Those held back because the last lease had ended go out.
  func extendLease(of shard: ShardID, to leaseEnd: UInt64)

  /// How many commands of the shard were taken since the last call.
  func takeCommandCount(of shard: ShardID) -> UInt64

  /// Takes no new commands of the shard (they are refused as not started), gives back what is queued likewise,
  /// finishes what is with the user function, and calls `completion` on the loop when nothing of the shard is
  /// left in memory.
  func handOver(_ shard: ShardID, completion: @escaping @Sendable () -> Void)

  /// The shard is not this node's any more, or cannot be served: ends everything of it at once. What has no
  /// certain outcome is answered so, what was not started is refused as such.
  func giveUp(_ shard: ShardID, because reason: String)
}
