import CloudstateModel
import ClusterControl
import EntityRuntime
import Logging
import NIOCore
import NIOPosix
import ShardStore

/// Opens the shards that the plan gives this node, each epoch once.
struct ShardOpener {
  let nodeID: NodeID
  let runtime: EntityRuntime
  let store: any ShardStore
  /// Where the store is opened, which may block.
  let reader: NIOThreadPool
  let logger: Logger
  private var opened: [ShardID: Epoch] = [:]

  init(
    nodeID: NodeID, runtime: EntityRuntime, store: any ShardStore, reader: NIOThreadPool,
    logger: Logger
  ) {
    self.nodeID = nodeID
    self.runtime = runtime
    self.store = store
    self.reader = reader
    self.logger = logger
  }

  /// The shards of this node in `snapshot` that have been opened.
  func openShards(in snapshot: ClusterSnapshot) -> Set<ShardID> {
    Set(
      snapshot.shardMap.assignments.compactMap { assignment in
        guard let assignment, assignment.primary == nodeID, opened[assignment.shard] != nil
        else { return nil }
        return assignment.shard
      })
  }

  /// Opens what is new in `snapshot`. A shard that cannot be opened is named in the log and in the answers to
  /// its commands, and tried again with the next snapshot; the others are not affected.
  mutating func open(_ snapshot: ClusterSnapshot) async {
    for assignment in snapshot.shardMap.assignments {
      guard let assignment, assignment.primary == nodeID,
        opened[assignment.shard].map({ $0 < assignment.epoch }) ?? true
      else { continue }
      do {
        try await open(assignment.shard, epoch: assignment.epoch)
        opened[assignment.shard] = assignment.epoch
      } catch {
        logger.error("shard \(assignment.shard) stays closed: \(error)")
      }
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
    try await loop.submit { runtime.serve(shard, epoch: epoch, leaseEnd: .max) }.get()
  }
}
