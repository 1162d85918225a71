package import CloudstateModel

extension InMemoryShardStore: ShardVerifying {
  /// Nothing is read that would need a pace.
  package func verify(
    _ shard: ShardID, pace: (_ bytes: Int) throws(StoreError) -> Void
  ) throws(StoreError) -> ShardDigest {
    try checkOpen()
    let contents = withShard(shard) { $0 } ?? .init()
    let now = configuration.now()
    return try contents.verify(shard) { [retention] in retention.isExpired($0, now: now) }
  }

  package func generation(of shard: ShardID) -> UInt64 { board.generation(of: shard) }

  package func markDamaged(_ shard: ShardID, generation: UInt64, _ error: StoreError) {
    _ = queue.add(.damage(shard, generation: generation, error))
  }
}

extension InMemoryDisk.Shard {
  fileprivate func verify(
    _ shard: ShardID, isExpired: (Timestamp) -> Bool
  ) throws(StoreError) -> ShardDigest {
    var verifier = ShardVerifier(shard)
    for (index, record) in stream.enumerated() {
      try verifier.add(record, at: Position(UInt64(index + 1)))
      guard record.extras?.lastEventIsSnapshot == true else { continue }
      let key = StoreKey.snapshot(shard, record.entity)
      guard let snapshot = entities[key.bytes]?.snapshot, snapshot.sequence >= record.lastSequence
      else {
        throw StoreError(
          disagreeing: key.name, "position \(index + 1) of the stream has a newer one")
      }
    }
    for (bytes, content) in entities.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
      guard case .snapshot(_, let entity)? = try? StoreKey.decode(bytes.span, in: .snapshots)
      else { continue }
      for event in content.events {
        try verifier.add(
          JournalRecord(time: event.time, payload: event.payload), of: entity, event.sequence)
      }
    }
    for (bytes, answer) in answers {
      guard
        case .idempotency(_, let entity, let name)? = try? StoreKey.decode(
          bytes.span, in: .idempotency)
      else { continue }
      try verifier.add(
        answer, under: name, of: entity, isExpired: isExpired(answer.time),
        from: self[answer.position])
    }
    return try verifier.finish(epoch: epoch)
  }
}
