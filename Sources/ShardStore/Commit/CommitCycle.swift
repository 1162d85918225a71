import CloudstateModel
import Logging

/// The committer's work on what it took from the queue: admit, stage, sync once, report (design
/// section 5.3). Confined to the committer: a thread of its own, or whoever drives an in-memory store.
struct CommitCycle<Backend: CommitBackend & ~Copyable>: ~Copyable {
  var backend: Backend
  let board: CommitBoard
  private let configuration: ShardStoreConfiguration
  private let retention: IdempotencyRetention
  let logger: Logger

  var ledger = CommitLedger()
  var sequences = SequenceGuard(capacity: entitiesPerSync)
  private var reports = CommitReports()
  var hasStaged = false
  /// Batches staged since the last sync.
  private var stagedBatches = 0
  private var hasStagedReplicas = false
  /// Shards whose copies are deleted by what is staged.
  var stagedDeletions: Set<ShardID> = []
  /// How much is staged of each shard, deletions apart.
  var stagedShardBytes: [ShardID: UInt64] = [:]
  /// Set once by a failed commit that held changes of replicated entities.
  private var replicasAreStopped = false
  /// Replicated entities of which a change was refused. A delta behind it would leave a gap in their copies, or
  /// replace an older delta, so they have to be written whole.
  private var incompleteReplicas: Set<EntityKey> = []
  /// Reused for every batch.
  private var entityKey: [UInt8] = []
  private var sweptBucket: Timestamp?
  private var hasMoreToExpire = false

  init(
    backend: consuming Backend, board: CommitBoard, configuration: ShardStoreConfiguration,
    logger: Logger
  ) {
    self.backend = backend
    self.board = board
    self.configuration = configuration
    self.logger = logger
    retention = IdempotencyRetention(configuration.idempotencyRetention)
  }

  /// Works through everything in `entries` and leaves nothing unsettled or unreported.
  mutating func process(_ entries: [CommitEntry]) {
    for entry in entries {
      switch entry {
      case .batch(let batch, let token, let sink):
        reports.append(admit(batch), token: token, to: sink)
        settleIfFull()
      case .replica(let write, let token, let sink):
        reports.append(admit(write), token: token, to: sink)
        settleIfFull()
      case .refused(let error, let token, let sink, let replica):
        if let replica { incompleteReplicas.insert(replica) }
        reports.append(.failure(error), token: token, to: sink)
      case .open(let shard, let epoch, let completion):
        // What was queued before belongs to the old epoch and is settled under it. Where there is nothing of the
        // kind, the shard shares the sync of the others: after a failover many are opened at once.
        if isUnsettled(shard) { settle() }
        let result = Result { () throws(StoreError) in try open(shard, epoch: epoch) }
        // One that raises no epoch leaves nothing to sync.
        if isUnsettled(shard) {
          reports.appendOpening(result, to: completion)
        } else {
          completion(result)
        }
      case .close(let shard, let completion):
        if let slot = ledger.slot(of: shard) { ledger.close(slot) }
        reports.append(.success(())) { _ in completion() }
      case .append(let append, let completion):
        let result = admit(append)
        // An append that leaves nothing to sync, such as one that renews or ends a lease, waits for no sync.
        if isUnsettled(append.shard) {
          reports.append(result, to: completion)
        } else {
          completion(result)
        }
      case .drop(let shard, let epoch, let completion):
        let result = Result { () throws(StoreError) in try drop(shard, epoch: epoch) }
        reports.append(result, to: completion)
      case .consumer(let position, let consumer, let shard, let completion):
        let result = Result { () throws(StoreError) in
          try note(position, of: consumer, in: shard)
        }
        reports.append(result, to: completion)
      case .damage(let shard, let generation, let error):
        // A deletion that is staged makes another copy.
        settle()
        if board.generation(of: shard) == generation { markDamaged(shard, error) }
      case .failed(let completion):
        reports.append(.success(())) { _ in completion() }
      }
    }
    settle()
    expireIdempotencyRecords(now: configuration.now())
  }

  /// Whether something of the shard is staged.
  private mutating func isUnsettled(_ shard: ShardID) -> Bool {
    ledger.slot(of: shard).map { ledger.isUnsettled($0) } ?? false
  }

  // MARK: Committing

  private mutating func admit(_ batch: ShardBatch) -> Result<ShardEnd, StoreError> {
    guard let slot = ledger.slot(of: batch.shard) else {
      return .failure(.notOpen(batch.shard, batch.epoch))
    }
    if let refusal = ledger.refusal(of: slot, under: batch.epoch) { return .failure(refusal) }
    StoreKey.snapshot(batch.shard, batch.entity).encode(into: &entityKey)
    do throws(StoreError) {
      try checkSequence(of: batch)
    } catch {
      return .failure(error)
    }
    let end = ledger.assign(slot, time: batch.time)
    stage(batch, as: end)
    return .success(end)
  }

  /// Stages a batch of another primary, with the place and time it has there.
  mutating func stage(_ delta: ShardDelta, in slot: CommitLedger.Slot, of shard: ShardID)
    throws(StoreError)
  {
    let batch = delta.batch(in: shard)
    StoreKey.snapshot(shard, delta.entity).encode(into: &entityKey)
    try checkSequence(of: batch)
    ledger.move(slot, to: delta.end)
    stage(batch, as: delta.end)
  }

  /// Stages a batch of the entity whose stored key is `entityKey`.
  private mutating func stage(_ batch: ShardBatch, as end: ShardEnd) {
    let before = backend.stagedBytes
    backend.stage(batch, entity: entityKey, as: end)
    stagedShardBytes[batch.shard, default: 0] += UInt64(backend.stagedBytes - before)
    hasStaged = true
    stagedBatches += 1
  }

  private mutating func admit(_ write: ReplicaWrite) -> Result<ShardEnd, StoreError> {
    guard !replicasAreStopped else { return .failure(.replicasStopped) }
    if !incompleteReplicas.isEmpty {
      switch write.change {
      case .delta:
        guard !incompleteReplicas.contains(write.entity) else { return .failure(.overloaded) }
      case .whole: incompleteReplicas.remove(write.entity)
      }
    }
    backend.stage(write)
    hasStaged = true
    hasStagedReplicas = true
    return .success(.empty)
  }

  private mutating func checkSequence(of batch: ShardBatch) throws(StoreError) {
    let first = batch.firstSequence
    if batch.events.isEmpty && first == .none { return }
    guard first > .none else { throw .outOfSequence(batch) }
    if let last = sequences.last(of: entityKey) {
      guard first.number == last + 1 else { throw .outOfSequence(batch) }
    } else {
      // Sequences have no gap, so two point reads tell whether this one is next.
      let previous = SequenceNumber(first.number - 1)
      var follows = try !backend.holdsEvent(first, of: entityKey, in: batch.shard)
      if follows && previous > .none {
        follows = try backend.holdsEvent(previous, of: entityKey, in: batch.shard)
      }
      guard follows else { throw .outOfSequence(batch) }
    }
    sequences.remember(first.number - 1 + Int64(batch.events.count), of: entityKey)
  }

  /// Bounds what one sync holds: in bytes, and in batches, so that no entity of an unsettled batch is forgotten
  /// by the guard of sequences.
  mutating func settleIfFull() {
    guard
      backend.stagedBytes >= configuration.maximumBytesPerSync
        || stagedBatches >= entitiesPerSync
    else { return }
    settle()
  }

  /// Makes durable what is staged and reports everything decided so far.
  mutating func settle() {
    guard hasStaged else { return reports.deliver() }
    hasStaged = false
    stagedBatches = 0
    defer {
      hasStagedReplicas = false
      stagedDeletions.removeAll()
      stagedShardBytes.removeAll(keepingCapacity: true)
    }
    do throws(StoreError) {
      try backend.writeStaged()
    } catch {
      if hasStagedReplicas { replicasAreStopped = true }
      let stopped = ledger.fail()
      sequences.forgetAll()
      reports.withdrawSuccesses(error)
      reports.deliver()
      logger.critical(
        "a commit failed; shards are stopped until the node restarts",
        metadata: [
          "error": "\(error.message)", "shards": "\(stopped.map(\.description).sorted())",
        ])
      return
    }
    let grown = board.show(
      ledger.commit(), deleted: stagedDeletions, bytes: stagedShardBytes)
    reports.deliver()
    if !grown.isEmpty { board.tellListeners(grown) }
  }

  // MARK: Expiry

  /// Sweeps when a new bucket begins, and then with every commit until nothing expired is left. A bounded
  /// number of records each time, so that commits never wait long. An idle node sweeps nothing: reads
  /// ignore what is expired.
  private mutating func expireIdempotencyRecords(now: Timestamp) {
    let bucket = retention.bucketStart(of: now)
    guard hasMoreToExpire || bucket != sweptBucket else { return }
    sweptBucket = bucket
    do throws(StoreError) {
      hasMoreToExpire = try backend.expireIdempotencyRecords(
        now: now, in: ledger.usableShards, limit: 512)
    } catch {
      hasMoreToExpire = false
      logger.warning(
        "expired idempotency records stay until the next sweep",
        metadata: ["error": "\(error.message)"])
    }
  }
}

/// Entities whose last sequences are remembered at least, and so batches that may be unsettled.
private let entitiesPerSync = 8192
