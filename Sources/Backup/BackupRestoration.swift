package import CloudstateModel
package import Logging
import ReplicatedData
package import ShardStore
import Synchronization

/// Brings a backup into empty data directories.
///
/// Directories are made beside their places and moved there when all of them were read back and found right, so that
/// no node ever starts on a part of a backup (see ``RestoredDirectories``).
package struct BackupRestoration: Sendable {
  /// A data directory to be made.
  package struct Target: Hashable, Sendable {
    package var path: String
    /// The node that it is for; `nil` leaves that to the first one that starts with it.
    package var node: NodeID?
    package var shards: [UInt32]

    package init(path: String, node: NodeID?, shards: [UInt32]) {
      self.path = path
      self.node = node
      self.shards = shards
    }
  }

  /// Deltas that are given to the store at once, in bytes of their events, about.
  private static let bytesPerAppend = 1 << 20

  private let backup: BackupReader
  private let logger: Logger
  private let progress: @Sendable (_ shard: UInt32) -> Void

  /// - Parameter progress: called with each shard that is restored.
  package init(
    _ backup: BackupReader, logger: Logger,
    progress: @escaping @Sendable (_ shard: UInt32) -> Void = { _ in }
  ) {
    self.backup = backup
    self.logger = logger
    self.progress = progress
  }

  /// Spreads the shards evenly over nodes, neighbours apart.
  package static func split(shardCount: UInt32, over nodes: Int) -> [[UInt32]] {
    (0..<nodes).map { node in
      stride(from: UInt32(node), to: shardCount, by: nodes).map { $0 }
    }
  }

  /// Whether a directory is there and has something in it.
  package static func isFilled(_ path: String) throws(BackupError) -> Bool {
    try !(Files.names(in: path) ?? []).isEmpty
  }

  /// Refuses a directory that has something in it.
  package static func checkEmpty(_ path: String) throws(BackupError) {
    guard try !isFilled(path) else {
      throw BackupError(
        .conflict,
        "\(path) is not empty; a backup is restored into empty directories only. Nothing was changed"
      )
    }
  }

  /// Makes one data directory. Blocks; not to be called on an event loop.
  ///
  /// - Throws: ``BackupError``; the target is as it was then.
  package func restore(_ target: Target) throws(BackupError) {
    try RestoredDirectories.make([directory(target)])
  }

  /// A data directory that is still to be made, together with others.
  package func directory(_ target: Target) -> RestoredDirectories.Directory {
    .init(path: target.path) { building throws(BackupError) in
      try storing { () throws(StoreError) in
        try RocksDBShardStore.open(path: building, logger: logger)
      }.fill { store throws(BackupError) in try fill(store, for: target) }
    }
  }

  private func fill(
    _ store: RocksDBShardStore, for target: Target
  ) throws(BackupError) {
    for index in target.shards {
      try restore(index, into: store)
      try verify(index, in: store)
      progress(index)
    }
    try restoreReplicas(into: store)
    guard let node = target.node else { return }
    let identity = NodeIdentity(
      service: backup.manifest.service, nodeID: node, shardCount: backup.manifest.shardCount)
    try storing { () throws(StoreError) in
      try store.setMetadata(NodeIdentity.documentName, to: identity.encoded)
    }
  }

  // MARK: Shards

  private func restore(_ index: UInt32, into store: RocksDBShardStore) throws(BackupError) {
    let shard = ShardID(service: backup.manifest.service, index: index)
    let stated = backup.manifest.shards[Int(index)]
    var last = ShardEnd.empty
    var waiting: [ShardDelta] = []
    var bytes = 0

    func write(consumers: [ConsumerID: ConsumerPosition] = [:]) throws(BackupError) {
      guard let end = waiting.last else { return }
      try append(
        CopyAppend(
          shard: shard, epoch: stated.end.epoch, after: last.position, afterEpoch: last.epoch,
          deltas: waiting, consumers: consumers), to: store)
      last = ShardEnd(position: end.position, epoch: end.epoch, time: end.time)
      waiting.removeAll(keepingCapacity: true)
      bytes = 0
    }

    try backup.batches(of: index) { delta throws(BackupError) in
      if bytes > Self.bytesPerAppend { try write() }
      bytes += delta.events.reduce(256) { $0 + $1.value.count }
      waiting.append(delta)
    }
    try write(consumers: stated.consumers)
  }

  private func append(
    _ append: CopyAppend, to store: RocksDBShardStore
  ) throws(BackupError) {
    let result = Awaited<Result<CopyAppendOutcome, StoreError>>()
    store.append(append) { result.set($0) }
    let outcome = try storing { () throws(StoreError) in try result.value.get() }
    guard case .appended = outcome else {
      throw BackupError(
        .inputOutput, "the new store refuses batches of shard \(append.shard): \(outcome)")
    }
  }

  /// Reads a restored shard back, record by record and batch by batch.
  private func verify(_ index: UInt32, in store: RocksDBShardStore) throws(BackupError) {
    let stated = backup.manifest.shards[Int(index)]
    let shard = ShardID(service: backup.manifest.service, index: index)
    _ = try storing { () throws(StoreError) in try store.verify(shard) }
    let (end, chain) = try store.chain(of: shard)
    guard end == stated.end, chain == stated.chain else {
      throw BackupError(
        .damaged,
        "shard \(index) was restored up to position \(end.position) with another digest than the "
          + "backup's: the disk does not give back what was written")
    }
  }

  // MARK: Replicated entities

  /// Every node has a copy of all of them. The store gets no name for its own changes: the node gives itself a
  /// new one, so that nothing it does is taken for what the old one did.
  private func restoreReplicas(into store: RocksDBShardStore) throws(BackupError) {
    let sink = WriteSink()
    try backup.replicas { entity, state throws(BackupError) in
      let write = ReplicaWrite(
        entity: entity, change: .whole(state.encoded(), replacingDeltasUpTo: 0))
      let outcome = sink.awaiting { store.submit(write, token: 0, to: sink) }
      _ = try storing { () throws(StoreError) in try outcome.get() }
    }
  }
}

extension RocksDBShardStore {
  /// Uses a store and closes it, whatever happens.
  fileprivate func fill(
    _ body: (RocksDBShardStore) throws(BackupError) -> Void
  ) throws(BackupError) {
    defer { close() }
    try body(self)
  }
}

extension ShardCopies {
  /// Where a shard ends, and the digest of all its batches, read from the store.
  package func chain(
    of shard: ShardID
  ) throws(BackupError) -> (end: ShardEnd, chain: BatchChain) {
    var (end, chain) = (ShardEnd.empty, BatchChain.start)
    while true {
      let page = try storing { () throws(StoreError) in
        try deltas(of: shard, after: end.position, byteLimit: 1 << 20)
      }
      for delta in page {
        chain.add(delta)
        end = ShardEnd(position: delta.position, epoch: delta.epoch, time: delta.time)
      }
      if page.isEmpty { return (end, chain) }
    }
  }
}

/// Tells of a failure of the store in the words of backups.
private func storing<Answer>(
  _ body: () throws(StoreError) -> Answer
) throws(BackupError) -> Answer {
  do throws(StoreError) {
    return try body()
  } catch {
    throw BackupError(error.code == .corruptRecord ? .damaged : .inputOutput, error.message)
  }
}
