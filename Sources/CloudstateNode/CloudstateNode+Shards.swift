import CloudstateModel
import ClusterControl
import EntityRuntime
import Eventing
import Logging
import MessageBus
import NIOCore
import NIOPosix
import ShardReplication
import ShardStore
import Synchronization

/// The shards of a node, and who looks over their files.
struct NodeShards: Sendable {
  let replicator: ShardReplicator
  let scrubber: Scrubber
}

// How a node serves its shards, and tells the coordinator of them.
extension CloudstateNode {
  /// How long a node waits for its shards before it says that it is ready all the same.
  private static let settlingLimit: Duration = .seconds(15)

  func startShards(
    _ store: ConfirmingStore, runtime: EntityRuntime, leases: ShardLeases,
    consumers: EventConsumers, router: CommandRouter, bus: any MessageBus,
    loops: [any EventLoop], reader: NIOThreadPool, damage: DamageReports,
    verifier: any ShardVerifying, _ teardown: Teardown
  ) async throws -> NodeShards {
    let replicator = try await ShardReplicator.start(
      service: configuration.service, settings: configuration.replication.copies, store: store,
      bus: bus, hosting: EntityShards(runtime: runtime, leases: leases) { router.shardChanged($0) },
      consumers: ConsumedShards(consumers: consumers),
      loops: loops, slot: { runtime.slot(of: $0) }, reader: reader, logger: logger)
    damage.send { [weak replicator] in replicator?.foundDamage($0, $1) }
    let scrubber = Scrubber(
      settings: configuration.replication.scrubbing, store: verifier, replicator: replicator,
      logger: logger)
    teardown.add("scrubbing") { try await scrubber.stop() }
    return NodeShards(replicator: replicator, scrubber: scrubber)
  }

  /// Follows the plans of the cluster with the node's shards, and tells the coordinator of them.
  func follow(_ cluster: any ClusterHandle, with shards: NodeShards) {
    let follower = Mutex(PlanFollower())
    cluster.addListener { change in
      shards.replicator.follow(
        follower.withLock { $0.assignments(after: change) }, moves: change.snapshot.moves)
    }
    shards.replicator.report { cluster.report($0, heard: $1) }
  }

  /// Waits until the node's shards are served, or cannot be, but not for ever.
  func waitUntilSettled(_ shards: NodeShards) async throws {
    let limit = ContinuousClock.now + Self.settlingLimit
    while ContinuousClock.now < limit, await !shards.replicator.isSettled() {
      try await Task.sleep(for: .milliseconds(10))
    }
  }
}

/// Ends replication, which starts after what has to end before it.
final class ReplicatorReference: Sendable {
  private let replicator = Mutex<ShardReplicator?>(nil)

  func set(_ replicator: ShardReplicator) { self.replicator.withLock { $0 = replicator } }

  func stop() async { await replicator.withLock { $0 }?.stop() }
}

/// Brings word of records that cannot be read from the entities to replication, which starts after them.
final class DamageReports: Sendable {
  private let receiver = Mutex<(@Sendable (ShardID, String) -> Void)?>(nil)

  func send(to receiver: @escaping @Sendable (ShardID, String) -> Void) {
    self.receiver.withLock { $0 = receiver }
  }

  func found(_ shard: ShardID, _ reason: String) {
    receiver.withLock { $0 }?(shard, reason)
  }
}
