import CloudstateModel
import RocksDB

/// Puts batches into a database. Confined to the committer.
struct RocksDBBackend: CommitBackend, ~Copyable {
  private let reader: StoreReader
  private let retention: IdempotencyRetention
  private let fault: CommitFault?
  private var batch: WriteBatch
  private(set) var stagedBytes = 0
  private var stagedDeletions: Set<ShardID> = []
  /// Reused for every record, so that staging allocates nothing of its own.
  private var key: [UInt8] = []
  private var value: [UInt8] = []

  init(reader: StoreReader, retention: IdempotencyRetention, fault: CommitFault?) {
    self.reader = reader
    self.retention = retention
    self.fault = fault
    batch = WriteBatch(for: reader.database)
  }

  // MARK: Staging

  mutating func stage(
    _ shardBatch: ShardBatch, entity: [UInt8], as end: ShardEnd
  ) {
    let shard = shardBatch.shard
    for (offset, event) in shardBatch.events.enumerated() {
      key.removeAll(keepingCapacity: true)
      key.append(contentsOf: entity)
      key.appendNumber(shardBatch.firstSequence.advanced(by: offset).number)
      put(JournalRecord(time: end.time, payload: event), in: .journal)
    }
    if let snapshot = shardBatch.snapshot, !shardBatch.events.isEmpty {
      key.removeAll(keepingCapacity: true)
      key.append(contentsOf: entity)
      let sequence = shardBatch.firstSequence.advanced(by: shardBatch.events.count - 1)
      put(StoredSnapshot(sequence: sequence, payload: snapshot), in: .snapshots)
    }
    if let answer = shardBatch.idempotency {
      StoreKey.idempotency(shard, shardBatch.entity, key: answer.key).encode(into: &key)
      put(
        KeptAnswer(
          time: end.time, position: end.position,
          commandFingerprint: answer.commandFingerprint, answer: answer.answer),
        in: .idempotency)
      StoreKey.idempotencyIndex(
        shard, bucketStart: retention.bucketStart(of: end.time), shardBatch.entity,
        key: answer.key
      ).encode(into: &key)
      put(IndexedTime(end.time), in: .idempotency)
    }
    StoreKey.stream(shard, end.position).encode(into: &key)
    put(StreamRecord(of: shardBatch, time: end.time), in: .stream)
  }

  mutating func stage(_ epoch: Epoch, of shard: ShardID) {
    StoreKey.epoch(shard).encode(into: &key)
    put(EpochRecord(epoch), in: .meta)
  }

  mutating func stage(
    _ position: ConsumerPosition, of consumer: ConsumerID, in shard: ShardID
  ) {
    StoreKey.consumer(shard, consumer).encode(into: &key)
    put(position, in: .groups)
  }

  mutating func stageDeletion(of shard: ShardID) {
    let range = KeyRange.shard(shard)
    for family in StoreFamily.ofShards {
      batch.deleteRange(from: range.lower, to: range.upper, in: reader.families[family])
      stagedBytes += range.lower.count + range.upper.count
    }
    stagedDeletions.insert(shard)
  }

  mutating func stage(_ write: ReplicaWrite) {
    switch write.change {
    case .delta(let content, let number):
      StoreKey.replica(write.entity, number: number).encode(into: &key)
      put(ReplicaRecord(content), in: .crdt)
    case .whole(let content, let lastNumber):
      StoreKey.replica(write.entity, number: 0).encode(into: &key)
      put(ReplicaRecord(content), in: .crdt)
      // One by one: a range deletion would slow down every later read of the entity.
      for number in stride(from: lastNumber, to: 0, by: -1) {
        StoreKey.replica(write.entity, number: number).encode(into: &key)
        batch.delete(key, in: reader.families[.crdt])
        stagedBytes += key.count
      }
    }
  }

  /// Adds a record under `key`.
  private mutating func put(_ record: some StoredRecord, in family: StoreFamily) {
    record.seal(under: key, into: &value)
    batch.put(key, value, in: reader.families[family])
    stagedBytes += key.count + value.count
  }

  mutating func writeStaged() throws(StoreError) {
    defer {
      batch.clear()
      stagedBytes = 0
      stagedDeletions.removeAll()
    }
    try faultable(fault) { () throws(StoreError) in
      do throws(RocksDBError) {
        try reader.database.write(batch, sync: true)
      } catch {
        throw StoreError(writing: error)
      }
    }
  }

  // MARK: Opening

  func epoch(of shard: ShardID) throws(StoreError) -> Epoch { try reader.epoch(of: shard) }

  func recover(_ shard: ShardID) throws(StoreError) -> ShardEnd {
    guard let last = try reader.lastStreamRecord(of: shard) else { return .empty }
    _ = try reader.resolve(last.record, at: last.position, in: shard)
    return ShardEnd(
      position: last.position, epoch: last.record.epoch, time: last.record.time)
  }

  func holdsEvent(
    _ sequence: SequenceNumber, of entity: [UInt8], in shard: ShardID
  ) throws(StoreError) -> Bool {
    if stagedDeletions.contains(shard) { return false }
    var key = entity
    key.appendNumber(sequence.number)
    do throws(RocksDBError) {
      return try reader.exists(key, in: .journal)
    } catch {
      throw StoreError(reading: "event \(sequence) of an entity in shard \(shard)", error)
    }
  }

  // MARK: Expiry

  mutating func expireIdempotencyRecords(
    now: Timestamp, in shards: [ShardID], limit: Int
  ) throws(StoreError) -> Bool {
    defer { batch.clear() }
    var removed = 0
    for shard in shards where removed < limit {
      removed += try stageExpired(now: now, in: shard, limit: limit - removed)
    }
    guard removed > 0 else { return false }
    do throws(RocksDBError) {
      // Not synced: what a crash brings back expires again.
      try reader.database.write(batch, sync: false)
    } catch {
      throw StoreError(writing: error)
    }
    return removed >= limit
  }

  /// Stages the deletion of expired records of a shard and answers how many index entries that were.
  private mutating func stageExpired(
    now: Timestamp, in shard: ShardID, limit: Int
  ) throws(StoreError) -> Int {
    let owner = "the idempotency records of shard \(shard)"
    let range = KeyRange.idempotencyIndex(
      of: shard, before: retention.endOfExpiredBuckets(now: now))
    var iterator = reader.iterator(over: .idempotency, range)
    iterator.seekToFirst()
    var removed = 0
    while iterator.isValid && removed < limit {
      let (indexKey, indexed): (StoreKey, IndexedTime) = try reader.current(
        iterator, in: .idempotency, of: owner)
      // A wider bucket than today's may hold a record that is still kept.
      if retention.isExpired(indexed.time, now: now),
        case .idempotencyIndex(_, _, let entity, let name) = indexKey
      {
        let recordKey = StoreKey.idempotency(shard, entity, key: name)
        // A record that was written again later has an index entry of its own.
        if try reader.record(at: recordKey, as: KeptAnswer.self)?.time == indexed.time {
          batch.delete(recordKey.bytes, in: reader.families[.idempotency])
        }
        batch.delete(indexKey.bytes, in: reader.families[.idempotency])
        removed += 1
      }
      iterator.next()
    }
    try reader.check(iterator, owner)
    return removed
  }
}

extension StoreError {
  /// RocksDB refused a write or a sync.
  init(writing error: RocksDBError) {
    self.init(
      .writeFailed,
      "the disk refused a write (\(error.message)); repair or free the disk, then restart the node")
  }
}
