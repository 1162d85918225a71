package import CloudstateModel
import RocksDB

extension StoreReader {
  /// Reads and checks everything of a shard.
  func verify(
    _ shard: ShardID, pace: (Int) throws(StoreError) -> Void, isExpired: (Timestamp) -> Bool
  ) throws(StoreError) -> ShardDigest {
    let reader = frozen()
    var verifier = ShardVerifier(shard)
    try reader.verifyStream(of: shard, &verifier, pace)
    try reader.verifyJournal(of: shard, &verifier, pace)
    if !verifier.eventsAgree { try reader.resolveAll(of: shard, pace) }
    try reader.verifySnapshots(of: shard, pace)
    try reader.verifyAnswers(of: shard, &verifier, isExpired: isExpired)
    _ = try reader.consumerPositions(of: shard)
    return try verifier.finish(epoch: try reader.epoch(of: shard))
  }

  private func verifyStream(
    of shard: ShardID, _ verifier: inout ShardVerifier,
    _ pace: (Int) throws(StoreError) -> Void
  ) throws(StoreError) {
    try walk(.stream, of: shard, pace) { (key, record: StreamRecord) throws(StoreError) in
      let position = try self.position(key, in: shard)
      try verifier.add(record, at: position)
      guard record.extras?.lastEventIsSnapshot == true else { return }
      // Without its snapshot a value entity would be taken for one that never was.
      let snapshotKey = StoreKey.snapshot(shard, record.entity)
      let snapshot = try self.record(at: snapshotKey, as: StoredSnapshot.self)
      guard let snapshot, snapshot.sequence >= record.lastSequence else {
        throw StoreError(
          disagreeing: snapshotKey.name, "position \(position) of the stream has a newer one")
      }
    }
  }

  private func verifyJournal(
    of shard: ShardID, _ verifier: inout ShardVerifier,
    _ pace: (Int) throws(StoreError) -> Void
  ) throws(StoreError) {
    try walk(.journal, of: shard, pace) { (key, record: JournalRecord) throws(StoreError) in
      guard case .journal(_, let entity, let sequence) = key else { return }
      try verifier.add(record, of: entity, sequence)
    }
  }

  /// Finds the name of what the stream points to and the journal does not hold.
  private func resolveAll(
    of shard: ShardID, _ pace: (Int) throws(StoreError) -> Void
  ) throws(StoreError) {
    try walk(.stream, of: shard, pace) { (key, record: StreamRecord) throws(StoreError) in
      _ = try resolve(record, at: try self.position(key, in: shard), in: shard)
    }
  }

  private func verifySnapshots(
    of shard: ShardID, _ pace: (Int) throws(StoreError) -> Void
  ) throws(StoreError) {
    try walk(.snapshots, of: shard, pace) { (key, record: StoredSnapshot) throws(StoreError) in
      guard case .snapshot(_, let entity) = key else { return }
      let event = StoreKey.journal(shard, entity, record.sequence)
      guard try self.record(at: event, as: JournalRecord.self) != nil else {
        throw StoreError(disagreeing: key.name, "\(event.name) is missing")
      }
    }
  }

  private func verifyAnswers(
    of shard: ShardID, _ verifier: inout ShardVerifier, isExpired: (Timestamp) -> Bool
  ) throws(StoreError) {
    let owner = "the idempotency records of shard \(shard)"
    var iterator = self.iterator(over: .idempotency, .shard(shard), keepsBlocks: false)
    iterator.seekToFirst()
    var (answers, indexed) = (0, 0)
    while iterator.isValid {
      let (key, bytes) = try currentKey(iterator, in: .idempotency, of: owner)
      switch key {
      case .idempotency(_, let entity, let name):
        let answer: KeptAnswer = try currentRecord(iterator, at: key, bytes)
        try verifier.add(
          answer, under: name, of: entity, isExpired: isExpired(answer.time),
          from: try record(at: .stream(shard, answer.position)))
        answers += 1
      case .idempotencyIndex(_, _, let entity, let name):
        let time: IndexedTime = try currentRecord(iterator, at: key, bytes)
        let answer = try record(
          at: .idempotency(shard, entity, key: name), as: KeptAnswer.self)
        if answer?.time == time.time { indexed += 1 }
      default: throw StoreError(disagreeing: owner, "they hold \(key.name)")
      }
      iterator.next()
    }
    try check(iterator, owner)
    guard indexed >= answers else {
      throw StoreError(
        disagreeing: owner, "\(answers - indexed) of them have no time to expire at")
    }
  }

  /// Lends every record of a shard in a family, in the order of keys.
  private func walk<Record: StoredRecord>(
    _ family: StoreFamily, of shard: ShardID, _ pace: (Int) throws(StoreError) -> Void,
    _ body: (StoreKey, Record) throws(StoreError) -> Void
  ) throws(StoreError) {
    let owner = "family \(family.rawValue) of shard \(shard)"
    var iterator = self.iterator(over: family, .shard(shard), keepsBlocks: false)
    iterator.seekToFirst()
    while iterator.isValid {
      let (key, record): (StoreKey, Record) = try current(iterator, in: family, of: owner)
      try body(key, record)
      try pace(iterator.withValue { $0.count })
      iterator.next()
    }
    try check(iterator, owner)
  }
}

extension RocksDBShardStore: ShardVerifying {
  package func verify(
    _ shard: ShardID, pace: (_ bytes: Int) throws(StoreError) -> Void
  ) throws(StoreError) -> ShardDigest {
    let (retention, now) = (retention, configuration.now())
    return try access.read { (reader) throws(StoreError) in
      try reader.verify(shard, pace: pace) { retention.isExpired($0, now: now) }
    }
  }

  package func generation(of shard: ShardID) -> UInt64 { board.generation(of: shard) }

  package func markDamaged(_ shard: ShardID, generation: UInt64, _ error: StoreError) {
    _ = queue.add(.damage(shard, generation: generation, error))
  }
}
