import CloudstateModel

/// Where a committer puts what it admits: a disk or memory. Used by the committer only.
protocol CommitBackend: ~Copyable {
  /// Bytes staged and not yet written.
  var stagedBytes: Int { get }

  /// Adds a batch to what the next ``writeStaged()`` writes. `entity` is the entity's stored key.
  mutating func stage(_ batch: ShardBatch, entity: [UInt8], as assignment: CommitLedger.Assignment)

  /// Adds a change of a replicated entity's copy likewise.
  mutating func stage(_ write: ReplicaWrite)

  /// Makes everything staged durable, all or nothing. Nothing is staged afterwards, also on failure.
  mutating func writeStaged() throws(StoreError)

  /// The highest epoch seen for a shard; ``Epoch/none`` if it was never opened.
  func epoch(of shard: ShardID) throws(StoreError) -> Epoch

  /// Makes a higher epoch durable.
  mutating func raiseEpoch(of shard: ShardID, to epoch: Epoch) throws(StoreError)

  /// The last committed batch of a shard, checked together with the events it points to.
  func recover(_ shard: ShardID) throws(StoreError) -> CommitLedger.Assignment

  /// Whether the journal holds an event. `entity` is the entity's stored key.
  func holdsEvent(
    _ sequence: SequenceNumber, of entity: [UInt8], in shard: ShardID
  ) throws(StoreError) -> Bool

  /// Deletes about `limit` expired idempotency records at most and answers whether there are more.
  mutating func expireIdempotencyRecords(
    now: Timestamp, in shards: [ShardID], limit: Int
  ) throws(StoreError) -> Bool
}
