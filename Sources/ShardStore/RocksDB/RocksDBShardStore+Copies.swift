package import CloudstateModel
import RocksDB

extension RocksDBShardStore {
  // MARK: Writing

  package func openShard(
    _ shard: ShardID, epoch: Epoch,
    completion: @escaping @Sendable (Result<ShardEnd, StoreError>) -> Void
  ) {
    if !queue.add(.open(shard, epoch, completion)) { completion(.failure(.closed)) }
  }

  package func closeShard(_ shard: ShardID, completion: @escaping @Sendable () -> Void) {
    if !queue.add(.close(shard, completion)) { completion() }
  }

  package func append(
    _ append: CopyAppend,
    completion: @escaping @Sendable (Result<CopyAppendOutcome, StoreError>) -> Void
  ) {
    queue.append(append, completion: completion)
  }

  package func dropShard(
    _ shard: ShardID, epoch: Epoch,
    completion: @escaping @Sendable (Result<Void, StoreError>) -> Void
  ) {
    if !queue.add(.drop(shard, epoch, completion)) { completion(.failure(.closed)) }
  }

  // MARK: Reading

  package func end(of shard: ShardID) throws(StoreError) -> ShardEnd {
    try access.read { (reader) throws(StoreError) in
      if let known = board.end(of: shard) { return known }
      guard let last = try reader.lastStreamRecord(of: shard) else { return .empty }
      return ShardEnd(
        position: last.position, epoch: last.record.epoch, time: last.record.time)
    }
  }

  package func epoch(of shard: ShardID, at position: Position) throws(StoreError) -> Epoch? {
    try access.read { (reader) throws(StoreError) in
      if position == .start { return Epoch.none }
      if let end = board.end(of: shard), position > end.position { return nil }
      return try reader.record(at: .stream(shard, position), as: StreamRecord.self)?.epoch
    }
  }

  package func deltas(
    of shard: ShardID, after position: Position, byteLimit: Int
  ) throws(StoreError) -> [ShardDelta] {
    let generation = board.generation(of: shard)
    do throws(StoreError) {
      return try access.read { (reader) throws(StoreError) in
        let last = board.end(of: shard)?.position ?? Position(.max)
        let (retention, now) = (retention, configuration.now())
        return try reader.frozen().deltas(
          of: shard, after: position, upTo: last, byteLimit: byteLimit
        ) { retention.isExpired($0, now: now) }
      }
    } catch {
      if error.code == .corruptRecord {
        _ = queue.add(.damage(shard, generation: generation, error))
      }
      throw error
    }
  }

  package func consumerPositions(
    of shard: ShardID
  ) throws(StoreError) -> [ConsumerID: ConsumerPosition] {
    try access.read { (reader) throws(StoreError) in try reader.consumerPositions(of: shard) }
  }

  package func approximateBytes(of shard: ShardID) -> UInt64 {
    let range = KeyRange.shard(shard)
    let sizes = try? access.read { reader in
      StoreFamily.ofShards.reduce(into: (files: UInt64(0), buffers: UInt64(0))) { sum, family in
        let (database, family) = (reader.database, reader.families[family])
        let own = try? database.approximateBytes(of: family, from: range.lower, to: range.upper)
        sum.files += own ?? 0
        sum.buffers += database.number("rocksdb.cur-size-all-mem-tables", of: family) ?? 0
      }
    }
    guard let sizes else { return 0 }
    return sizes.files + board.unflushedBytes(of: shard, ofBuffered: sizes.buffers)
  }

  // MARK: Backup

  /// Makes a copy of the whole store in the folder `path`, which must not exist yet: everything that was
  /// acknowledged before, and of each batch all or nothing. Files are hard-linked where the file system allows,
  /// so that it takes no space of its own at first. Another store can be opened there.
  package func checkpoint(to path: String) throws(StoreError) {
    try access.read { (reader) throws(StoreError) in
      do throws(RocksDBError) {
        try reader.database.checkpoint(to: path)
      } catch {
        throw StoreError(
          .cannotOpen,
          "cannot make a checkpoint in \(path) (\(error.message)); choose a folder that does not exist "
            + "yet, in one that does, on a disk with space")
      }
    }
  }
}
