package import CloudstateModel

extension InMemoryShardStore {
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
    try checkOpen()
    return board.end(of: shard) ?? withShard(shard) { $0?.end ?? .empty }
  }

  package func epoch(of shard: ShardID, at position: Position) throws(StoreError) -> Epoch? {
    try checkOpen()
    if position == .start { return Epoch.none }
    if let end = board.end(of: shard), position > end.position { return nil }
    return withShard(shard) { $0?[position]?.epoch }
  }

  package func deltas(
    of shard: ShardID, after position: Position, byteLimit: Int
  ) throws(StoreError) -> [ShardDelta] {
    try checkOpen()
    let (last, now) = (board.end(of: shard)?.position ?? Position(.max), configuration.now())
    let retention = retention
    return withShard(shard) { contents in
      guard let contents else { return [] }
      let last = min(last, contents.end.position)
      guard position < last else { return [] }
      var deltas: [ShardDelta] = []
      var bytes = 0
      for number in position.number + 1...last.number {
        guard
          let delta = contents.delta(
            at: Position(number), in: shard, isExpired: { retention.isExpired($0, now: now) })
        else { break }
        bytes += delta.approximateBytes
        if !deltas.isEmpty && bytes > byteLimit { break }
        deltas.append(delta)
      }
      return deltas
    }
  }

  package func consumerPositions(
    of shard: ShardID
  ) throws(StoreError) -> [ConsumerID: ConsumerPosition] {
    try checkOpen()
    let stored = withShard(shard) { $0?.consumers ?? [:] }
    var positions: [ConsumerID: ConsumerPosition] = [:]
    for (bytes, position) in stored {
      if case .consumer(_, let consumer)? = try? StoreKey.decode(bytes.span, in: .groups) {
        positions[consumer] = position
      }
    }
    return positions
  }

  /// What the shard's content would take at least.
  package func approximateBytes(of shard: ShardID) -> UInt64 {
    withShard(shard) { contents in
      guard let contents else { return 0 }
      var bytes = contents.stream.count * 64
      for entity in contents.entities.values {
        for event in entity.events { bytes += event.payload.approximateBytes }
        bytes += entity.snapshot?.payload.approximateBytes ?? 0
      }
      for answer in contents.answers.values { bytes += answer.answer.count + 64 }
      return UInt64(bytes)
    }
  }
}

extension InMemoryDisk.Shard {
  /// What the batch at a position held, but for what was replaced or expired since.
  fileprivate func delta(
    at position: Position, in shard: ShardID, isExpired: (Timestamp) -> Bool
  ) -> ShardDelta? {
    guard let record = self[position] else { return nil }
    var delta = ShardDelta(
      position: position, epoch: record.epoch, time: record.time, entity: record.entity,
      firstSequence: record.firstSequence, events: events(of: record, in: shard).map(\.payload))
    if record.extras?.lastEventIsSnapshot == true {
      delta.snapshot = delta.events.last
    } else if record.eventCount > 0 {
      let newest = entities[StoreKey.snapshot(shard, record.entity).bytes]?.snapshot
      if newest?.sequence == record.lastSequence { delta.snapshot = newest?.payload }
    }
    if let key = record.extras?.idempotencyKey, !isExpired(record.time) {
      let kept = answers[StoreKey.idempotency(shard, record.entity, key: key).bytes]
      delta.idempotency = kept?.record(under: key, of: position)
    }
    return delta
  }
}
