import CloudstateModel
import EntityRuntime
import Eventing
import ShardReplication

/// The node's entities as replication sees them.
struct EntityShards: ShardHosting {
  let runtime: EntityRuntime
  let leases: ShardLeases
  /// Commands that wait for the shard may try again.
  let served: @Sendable (ShardID) -> Void

  func expect(_ shard: ShardID) { runtime.expect(shard) }

  func serve(_ shard: ShardID, epoch: Epoch, leaseEnd: UInt64) {
    runtime.serve(shard, epoch: epoch, leaseEnd: leaseEnd)
    leases.begin(shard, until: leaseEnd)
    served(shard)
  }

  func extendLease(of shard: ShardID, to leaseEnd: UInt64) {
    runtime.extendLease(of: shard, to: leaseEnd)
    leases.change(shard, to: leaseEnd)
  }

  func takeCommandCount(of shard: ShardID) -> UInt64 { runtime.takeCommandCount(of: shard) }

  func handOver(_ shard: ShardID, completion: @escaping @Sendable () -> Void) {
    leases.end(shard)
    runtime.handOver(shard, completion: completion)
  }

  func giveUp(_ shard: ShardID, because reason: String) {
    leases.end(shard)
    runtime.giveUp(shard, because: reason)
  }
}

/// The node's consumers of events as replication sees them.
struct ConsumedShards: ConsumerHosting {
  let consumers: EventConsumers

  func start(_ shard: ShardID) { consumers.start(shard) }

  func stop(_ shard: ShardID, completion: @escaping @Sendable () -> Void) {
    consumers.stop(shard, completion: completion)
  }

  func giveUp(_ shard: ShardID) { consumers.giveUp(shard) }
}
