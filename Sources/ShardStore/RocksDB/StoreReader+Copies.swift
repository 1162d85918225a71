import CloudstateModel
import RocksDB

extension StoreReader {
  /// Batches of a shard with `after < position <= last` as its other copies take them, in order and without a
  /// gap.
  ///
  /// - Parameter isExpired: whether an idempotency record of that time is left out.
  func deltas(
    of shard: ShardID, after position: Position, upTo last: Position, byteLimit: Int,
    isExpired: (Timestamp) -> Bool
  ) throws(StoreError) -> [ShardDelta] {
    guard position < last else { return [] }
    let owner = "the stream of shard \(shard)"
    var iterator = self.iterator(over: .stream, .shard(shard))
    var expected = position.next
    iterator.seek(to: StoreKey.stream(shard, expected).bytes)
    var deltas: [ShardDelta] = []
    var bytes = 0
    while iterator.isValid, expected <= last, deltas.isEmpty || bytes < byteLimit {
      let (key, record): (StoreKey, StreamRecord) = try current(iterator, in: .stream, of: owner)
      guard try self.position(key, in: shard) == expected else {
        throw StoreError(disagreeing: owner, "position \(expected) is missing before \(key.name)")
      }
      let delta = try self.delta(of: record, at: expected, in: shard, isExpired: isExpired)
      bytes += delta.approximateBytes
      if !deltas.isEmpty && bytes > byteLimit { return deltas }
      deltas.append(delta)
      if expected == last { break }
      expected = expected.next
      iterator.next()
    }
    try check(iterator, owner)
    return deltas
  }

  /// What a batch held, but for what was replaced or expired since.
  private func delta(
    of record: StreamRecord, at position: Position, in shard: ShardID,
    isExpired: (Timestamp) -> Bool
  ) throws(StoreError) -> ShardDelta {
    var delta = ShardDelta(
      position: position, epoch: record.epoch, time: record.time, entity: record.entity,
      firstSequence: record.firstSequence,
      events: try resolve(record, at: position, in: shard).events.map(\.payload))
    if record.extras?.lastEventIsSnapshot == true {
      delta.snapshot = delta.events.last
    } else if record.eventCount > 0 {
      let newest = try self.record(
        at: .snapshot(shard, record.entity), as: StoredSnapshot.self)
      if newest?.sequence == record.lastSequence { delta.snapshot = newest?.payload }
    }
    if let key = record.extras?.idempotencyKey, !isExpired(record.time) {
      let kept = try self.record(
        at: .idempotency(shard, record.entity, key: key), as: KeptAnswer.self)
      delta.idempotency = kept?.record(under: key, of: position)
    }
    return delta
  }

  /// How far all consumers have come in a shard.
  func consumerPositions(
    of shard: ShardID
  ) throws(StoreError) -> [ConsumerID: ConsumerPosition] {
    let owner = "the positions of consumers in shard \(shard)"
    var iterator = self.iterator(over: .groups, .shard(shard))
    iterator.seekToFirst()
    var positions: [ConsumerID: ConsumerPosition] = [:]
    while iterator.isValid {
      let (key, position): (StoreKey, ConsumerPosition) = try current(
        iterator, in: .groups, of: owner)
      guard case .consumer(_, let consumer) = key else {
        throw StoreError(disagreeing: owner, "they hold \(key.name)")
      }
      positions[consumer] = position
      iterator.next()
    }
    try check(iterator, owner)
    return positions
  }
}

extension KeptAnswer {
  /// The idempotency record that the batch at a position held, unless a later batch replaced it.
  func record(under key: String, of position: Position) -> IdempotencyRecord? {
    guard self.position == position else { return nil }
    return IdempotencyRecord(
      key: key, commandFingerprint: commandFingerprint, answer: answer)
  }
}
