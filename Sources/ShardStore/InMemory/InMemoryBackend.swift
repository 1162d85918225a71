import CloudstateModel
import Synchronization

/// Puts batches on an in-memory disk. Confined to the committer.
struct InMemoryBackend: CommitBackend {
  private let disk: InMemoryDisk
  private let retention: IdempotencyRetention
  private let fault: CommitFault?
  private var staged: [@Sendable (inout InMemoryDisk.Contents) -> Void] = []
  private var stagedDeletions: Set<ShardID> = []
  private(set) var stagedBytes = 0

  init(disk: InMemoryDisk, retention: IdempotencyRetention, fault: CommitFault?) {
    self.disk = disk
    self.retention = retention
    self.fault = fault
  }

  // MARK: Staging

  mutating func stage(_ batch: ShardBatch, entity: [UInt8], as end: ShardEnd) {
    staged.append { $0.write(batch, entity: entity, as: end) }
    stagedBytes += batch.approximateBytes
  }

  mutating func stage(_ write: ReplicaWrite) {
    staged.append { $0.write(write) }
    stagedBytes += write.approximateBytes
  }

  mutating func stage(_ epoch: Epoch, of shard: ShardID) {
    staged.append { $0.shards[shard, default: .init()].epoch = epoch }
  }

  mutating func stage(
    _ position: ConsumerPosition, of consumer: ConsumerID, in shard: ShardID
  ) {
    let key = StoreKey.consumer(shard, consumer).bytes
    staged.append { $0.shards[shard, default: .init()].consumers[key] = position }
  }

  mutating func stageDeletion(of shard: ShardID) {
    staged.append { $0.delete(shard) }
    stagedDeletions.insert(shard)
  }

  mutating func writeStaged() throws(StoreError) {
    defer {
      staged.removeAll(keepingCapacity: true)
      stagedDeletions.removeAll()
      stagedBytes = 0
    }
    // As in RocksDB, what a failed sync has written is in the log and not in what is read.
    if let reason = fault?(.write) { throw StoreError(.writeFailed, reason) }
    if let reason = fault?(.sync) {
      disk.leaveUnsynced(staged)
      throw StoreError(.writeFailed, reason)
    }
    disk.contents.withLock { contents in
      for write in staged { write(&contents) }
    }
  }

  // MARK: Reading

  func epoch(of shard: ShardID) -> Epoch {
    disk.contents.withLock { $0.shards[shard]?.epoch ?? .none }
  }

  func recover(_ shard: ShardID) -> ShardEnd {
    disk.contents.withLock { $0.shards[shard]?.end ?? .empty }
  }

  func holdsEvent(_ sequence: SequenceNumber, of entity: [UInt8], in shard: ShardID) -> Bool {
    if stagedDeletions.contains(shard) { return false }
    return disk.contents.withLock { contents in
      let count = contents.shards[shard]?.entities[entity]?.events.count ?? 0
      return sequence > .none && sequence.number <= Int64(count)
    }
  }

  // MARK: Expiry

  mutating func expireIdempotencyRecords(
    now: Timestamp, in shards: [ShardID], limit: Int
  ) -> Bool {
    disk.contents.withLock { contents in
      for shard in shards {
        guard let answers = contents.shards[shard]?.answers else { continue }
        contents.shards[shard]?.answers = answers.filter {
          !retention.isExpired($0.value.time, now: now)
        }
      }
    }
    return false
  }
}
