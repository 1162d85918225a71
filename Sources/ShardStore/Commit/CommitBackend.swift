import CloudstateModel

/// Where a committer puts what it admits: a disk or memory. Used by the committer only.
///
/// What is staged is written in the order of staging, all or nothing.
protocol CommitBackend: ~Copyable {
  /// Bytes staged and not yet written.
  var stagedBytes: Int { get }

  /// Adds a batch to what the next ``writeStaged()`` writes, as the one with which its shard ends. `entity` is
  /// the entity's stored key.
  mutating func stage(_ batch: ShardBatch, entity: [UInt8], as end: ShardEnd)

  /// Adds a change of a replicated entity's copy.
  mutating func stage(_ write: ReplicaWrite)

  /// Adds the highest epoch seen for a shard.
  mutating func stage(_ epoch: Epoch, of shard: ShardID)

  /// Adds how far a consumer has come.
  mutating func stage(_ position: ConsumerPosition, of consumer: ConsumerID, in shard: ShardID)

  /// Adds the deletion of everything of a shard but its epoch.
  mutating func stageDeletion(of shard: ShardID)

  /// Makes everything staged durable, all or nothing. Nothing is staged afterwards, also on failure.
  mutating func writeStaged() throws(StoreError)

  /// The highest epoch seen for a shard; ``Epoch/none`` if it was never opened.
  func epoch(of shard: ShardID) throws(StoreError) -> Epoch

  /// The last committed batch of a shard, checked together with the events it points to.
  func recover(_ shard: ShardID) throws(StoreError) -> ShardEnd

  /// Whether the journal holds an event, unless its deletion is staged. `entity` is the entity's stored key.
  func holdsEvent(
    _ sequence: SequenceNumber, of entity: [UInt8], in shard: ShardID
  ) throws(StoreError) -> Bool

  /// Deletes about `limit` expired idempotency records at most and answers whether there are more.
  mutating func expireIdempotencyRecords(
    now: Timestamp, in shards: [ShardID], limit: Int
  ) throws(StoreError) -> Bool
}
