package import CloudstateModel
package import Logging
import RocksDB
import Synchronization

/// The shards of a node in one RocksDB database.
///
/// Reads may be called from any thread and block on the disk; ``submit(_:token:to:)`` never does.
/// ``openShard(_:epoch:)``, ``setPosition(_:of:in:)``, ``setMetadata(_:to:)`` and ``close()`` wait for the disk and must not be
/// called from a sink or a listener, which run on the committer thread.
package final class RocksDBShardStore: ShardCopies {
  let access: DatabaseAccess
  let queue: CommitQueue
  let board: CommitBoard
  private let committer: CommitterThread
  let configuration: ShardStoreConfiguration
  let retention: IdempotencyRetention
  private let fault: CommitFault?
  private let logger: Logger
  private let isClosed = Mutex(false)
  /// How the memory was sized; for the start-up message.
  package let memory: MemoryBudget

  /// Opens the store in the folder `path`, which is created if it is missing.
  ///
  /// - Parameter fault: makes commits fail, in tests.
  /// - Throws: `.inUse` if another process has it open, `.corruptRecord` if the database is damaged,
  ///   `.unknownFormatVersion` if newer software wrote it, `.cannotOpen` for everything else.
  package static func open(
    path: String, configuration: ShardStoreConfiguration = ShardStoreConfiguration(),
    logger: Logger, fault: CommitFault? = nil
  ) throws(StoreError) -> RocksDBShardStore {
    let memory = configuration.memory ?? MemoryBudget.detect()
    let (database, families) = try StoreFiles.open(path: path, memory: memory, logger: logger)
    logger.info("store opened", metadata: ["path": "\(path)", "sizing": "\(memory)"])
    return try RocksDBShardStore(
      StoreReader(database: database, families: families), memory: memory,
      configuration: configuration, logger: logger, fault: fault)
  }

  private init(
    _ reader: StoreReader, memory: MemoryBudget, configuration: ShardStoreConfiguration,
    logger: Logger, fault: CommitFault?
  ) throws(StoreError) {
    let queue = CommitQueue(configuration)
    let board = CommitBoard()
    let retention = IdempotencyRetention(configuration.idempotencyRetention)
    committer = try CommitterThread {
      var cycle = CommitCycle(
        backend: RocksDBBackend(reader: reader, retention: retention, fault: fault), board: board,
        configuration: configuration, logger: logger)
      var entries: [CommitEntry] = []
      while queue.take(into: &entries) {
        cycle.process(entries)
        entries.removeAll(keepingCapacity: true)
      }
    }
    access = DatabaseAccess(reader)
    self.queue = queue
    self.board = board
    self.retention = retention
    self.memory = memory
    self.configuration = configuration
    self.logger = logger
    self.fault = fault
  }

  /// A store that was not closed commits what is queued and ends its thread.
  deinit { queue.close() }

  // MARK: Writing

  @discardableResult
  package func openShard(_ shard: ShardID, epoch: Epoch) throws(StoreError) -> Position {
    let answer = AwaitedAnswer<ShardEnd>()
    guard queue.add(.open(shard, epoch, answer.fulfil)) else { throw .closed }
    return try answer.wait().position
  }

  package func submit(_ batch: ShardBatch, token: UInt64, to sink: any CommitSink) {
    queue.submit(batch, token: token, to: sink)
  }

  package func submit(_ write: ReplicaWrite, token: UInt64, to sink: any CommitSink) {
    queue.submit(write, token: token, to: sink)
  }

  package func addCommitListener(
    _ listener: @escaping @Sendable ([ShardID: Position]) -> Void
  ) {
    board.addListener(listener)
  }

  package func setPosition(
    _ position: ConsumerPosition, of consumer: ConsumerID, in shard: ShardID
  ) throws(StoreError) {
    let answer = AwaitedAnswer<Void>()
    guard queue.add(.consumer(position, consumer, shard, answer.fulfil)) else { throw .closed }
    try answer.wait()
  }

  package func setMetadata(_ name: String, to value: [UInt8]) throws(StoreError) {
    try write(DocumentRecord(value), at: .document(name: name))
  }

  /// Writes one record that belongs to no batch of a shard, synced.
  private func write(_ record: some StoredRecord, at key: StoreKey) throws(StoreError) {
    try access.read { (reader) throws(StoreError) in
      let bytes = key.bytes
      var batch = WriteBatch(for: reader.database)
      batch.put(bytes, record.sealed(under: bytes), in: reader.families[key.family])
      do throws(RocksDBError) {
        try reader.database.write(batch, sync: true)
      } catch {
        throw StoreError(writing: error)
      }
    }
  }

  // MARK: Reading

  package func lastPosition(of shard: ShardID) throws(StoreError) -> Position {
    try access.read { (reader) throws(StoreError) in
      if let known = board.end(of: shard) { return known.position }
      return try reader.lastStreamRecord(of: shard)?.position ?? .start
    }
  }

  package func snapshot(
    of entity: EntityKey, in shard: ShardID
  ) throws(StoreError) -> StoredSnapshot? {
    try access.read { (reader) throws(StoreError) in
      try reader.record(at: .snapshot(shard, entity))
    }
  }

  package func events(
    of entity: EntityKey, in shard: ShardID, after sequence: SequenceNumber, byteLimit: Int
  ) throws(StoreError) -> [StoredEvent] {
    try access.read { (reader) throws(StoreError) in
      try reader.events(of: entity, in: shard, after: sequence, byteLimit: byteLimit)
    }
  }

  package func idempotencyRecord(
    _ key: String, of entity: EntityKey, in shard: ShardID
  ) throws(StoreError) -> IdempotencyRecord? {
    let kept = try access.read { (reader) throws(StoreError) in
      try reader.record(at: .idempotency(shard, entity, key: key), as: KeptAnswer.self)
    }
    guard let kept, !retention.isExpired(kept.time, now: configuration.now()) else { return nil }
    return IdempotencyRecord(
      key: key, commandFingerprint: kept.commandFingerprint, answer: kept.answer,
      position: kept.position)
  }

  package func stream(
    of shard: ShardID, after position: Position, byteLimit: Int
  ) throws(StoreError) -> [StreamBatch] {
    try access.read { (reader) throws(StoreError) in
      try reader.frozen().stream(of: shard, after: position, byteLimit: byteLimit)
    }
  }

  package func firstPosition(
    of shard: ShardID, since time: Timestamp
  ) throws(StoreError) -> Position {
    try access.read { (reader) throws(StoreError) in
      let reader = reader.frozen()
      let stored = try reader.lastStreamRecord(of: shard)?.position ?? .start
      let last = min(stored, board.end(of: shard)?.position ?? stored)
      return try reader.firstPosition(of: shard, since: time, last: last)
    }
  }

  package func position(
    of consumer: ConsumerID, in shard: ShardID
  ) throws(StoreError) -> ConsumerPosition {
    try access.read { (reader) throws(StoreError) in
      try reader.record(at: .consumer(shard, consumer)) ?? .start
    }
  }

  package func metadata(_ name: String) throws(StoreError) -> [UInt8]? {
    try access.read { (reader) throws(StoreError) in
      try reader.record(at: .document(name: name), as: DocumentRecord.self)?.content
    }
  }

  package func replica(of entity: EntityKey) throws(StoreError) -> StoredReplica? {
    try access.read { (reader) throws(StoreError) in try reader.replica(of: entity) }
  }

  package func replicas(in bucket: ReplicaBucket) throws(StoreError) -> [StoredReplica] {
    try access.read { (reader) throws(StoreError) in try reader.replicas(in: bucket) }
  }

  // MARK: Closing

  package func close() {
    isClosed.withLock { isClosed in
      guard !isClosed else { return }
      isClosed = true
      queue.close()
      committer.waitUntilEnded()
      guard let reader = access.end() else { return }
      do throws(RocksDBError) {
        // Everything is in the log already; flushing saves the next start from replaying it.
        try reader.database.flush()
      } catch {
        logger.warning("flush failed", metadata: ["error": "\(error)"])
      }
    }
  }
}
