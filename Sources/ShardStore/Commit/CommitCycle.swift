import CloudstateModel
import Logging

/// The committer's work on what it took from the queue: admit, stage, sync once, report (design
/// section 5.3). Confined to the committer: a thread of its own, or whoever drives an in-memory store.
struct CommitCycle<Backend: CommitBackend & ~Copyable>: ~Copyable {
  private var backend: Backend
  private let board: CommitBoard
  private let configuration: ShardStoreConfiguration
  private let retention: IdempotencyRetention
  private let logger: Logger

  private var ledger = CommitLedger()
  private var sequences = SequenceGuard(capacity: 8192)
  private var reports = CommitReports()
  private var hasStaged = false
  private var hasStagedReplicas = false
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
        if backend.stagedBytes >= configuration.maximumBytesPerSync { settle() }
      case .replica(let write, let token, let sink):
        reports.append(admit(write), token: token, to: sink)
        if backend.stagedBytes >= configuration.maximumBytesPerSync { settle() }
      case .refused(let error, let token, let sink, let replica):
        if let replica { incompleteReplicas.insert(replica) }
        reports.append(.failure(error), token: token, to: sink)
      case .open(let request):
        // What was queued before belongs to the old epoch and is settled under it.
        settle()
        request.fulfil(Result { () throws(StoreError) in try open(request) })
      }
    }
    settle()
    expireIdempotencyRecords(now: configuration.now())
  }

  // MARK: Committing

  private mutating func admit(_ batch: ShardBatch) -> Result<Position, StoreError> {
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
    let assignment = ledger.assign(slot, time: batch.time)
    backend.stage(batch, entity: entityKey, as: assignment)
    hasStaged = true
    return .success(assignment.position)
  }

  private mutating func admit(_ write: ReplicaWrite) -> Result<Position, StoreError> {
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
    return .success(.start)
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

  /// Makes durable what is staged and reports everything decided so far.
  private mutating func settle() {
    guard hasStaged else { return reports.deliver() }
    hasStaged = false
    defer { hasStagedReplicas = false }
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
    let grown = ledger.commit()
    board.show(grown)
    reports.deliver()
    board.tellListeners(grown)
  }

  // MARK: Opening

  private mutating func open(_ request: OpenRequest) throws(StoreError) -> Position {
    let seen = try backend.epoch(of: request.shard)
    if let refusal = ledger.refusalToOpen(request.shard, under: request.epoch, seen: seen) {
      throw refusal
    }
    let last: CommitLedger.Assignment
    if let known = ledger.lastCommitted(of: request.shard) {
      last = known
    } else {
      last = try backend.recover(request.shard)
    }
    if request.epoch > seen {
      do throws(StoreError) {
        try backend.raiseEpoch(of: request.shard, to: request.epoch)
      } catch {
        ledger.stop(request.shard)
        throw error
      }
    }
    ledger.open(request.shard, epoch: request.epoch, last: last)
    board.show([request.shard: last.position])
    return last.position
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
        now: now, in: ledger.openShards, limit: 512)
    } catch {
      hasMoreToExpire = false
      logger.warning(
        "expired idempotency records stay until the next sweep",
        metadata: ["error": "\(error.message)"])
    }
  }
}
