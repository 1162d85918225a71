import CloudstateModel
import ClusterControl
import EntityRuntime
import Eventing
import Logging
import NIOCore
import NIOPosix
import ShardStore

/// Opens the shards that the plan gives this node, each epoch once, and gives up those that it takes away.
struct ShardOpener {
  let nodeID: NodeID
  let runtime: EntityRuntime
  let store: any ShardStore
  /// Where the store is opened, which may block.
  let reader: NIOThreadPool
  let consumers: EventConsumers
  /// Hears of each shard that is served now.
  let served: @Sendable (ShardID) -> Void
  let logger: Logger
  private var opened: [ShardID: Epoch] = [:]

  init(
    nodeID: NodeID, runtime: EntityRuntime, store: any ShardStore, reader: NIOThreadPool,
    consumers: EventConsumers, served: @escaping @Sendable (ShardID) -> Void, logger: Logger
  ) {
    self.nodeID = nodeID
    self.runtime = runtime
    self.store = store
    self.reader = reader
    self.consumers = consumers
    self.served = served
    self.logger = logger
  }

  /// Opens what is new in `snapshot`. A shard that cannot be opened is named in the log and in the answers to
  /// its commands, and tried again with the next snapshot; the others are not affected.
  mutating func open(_ snapshot: ClusterSnapshot) async {
    for assignment in snapshot.shardMap.assignments {
      guard let assignment else { continue }
      guard assignment.primary == nodeID else {
        if opened.removeValue(forKey: assignment.shard) != nil { giveUp(assignment) }
        continue
      }
      guard opened[assignment.shard].map({ $0 < assignment.epoch }) ?? true else { continue }
      do {
        try await open(assignment.shard, epoch: assignment.epoch)
        opened[assignment.shard] = assignment.epoch
      } catch {
        logger.error("shard \(assignment.shard) stays closed: \(error)")
      }
    }
  }

  private func giveUp(_ assignment: ShardAssignment) {
    let (runtime, consumers) = (runtime, consumers)
    runtime.eventLoop(of: assignment.shard).execute {
      consumers.giveUp(assignment.shard)
      runtime.giveUp(assignment.shard, because: "it was given to node \(assignment.primary)")
    }
  }

  private func open(_ shard: ShardID, epoch: Epoch) async throws {
    let (runtime, store) = (runtime, store)
    let loop = runtime.eventLoop(of: shard)
    do {
      try await reader.runIfActive { _ = try store.openShard(shard, epoch: epoch) }
    } catch {
      loop.execute { runtime.giveUp(shard, because: "\(error)") }
      throw error
    }
    let consumers = consumers
    try await loop.submit {
      runtime.serve(shard, epoch: epoch, leaseEnd: .max)
      consumers.start(shard)
    }.get()
    served(shard)
  }
}
