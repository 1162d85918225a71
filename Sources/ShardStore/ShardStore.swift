package import CloudstateModel

/// Durable storage of the shards of one node (design sections 5.3 and 5.4).
///
/// Writes are queued from any thread and committed by a single committer: it gathers what is queued
/// into one write batch, syncs once, and only then reports. Reads are answered from committed state
/// and may block on the disk, so event loops use them only where a miss is cheap
/// (``idempotencyRecord(_:of:in:)``) and hand recovery to a reader thread.
///
/// After a failed write or sync a shard is stopped: every later submission fails with
/// ``StoreError/Code/shardStopped`` until the process restarts.
package protocol ShardStore: Sendable {
  /// Prepares a shard for writing under `epoch` and makes that epoch durable.
  ///
  /// - Returns: the position of the last committed batch.
  /// - Throws: ``StoreError`` with `.staleEpoch` if a higher epoch was seen, `.corruptRecord` if the
  ///   shard's records cannot be trusted.
  @discardableResult
  func openShard(_ shard: ShardID, epoch: Epoch) throws(StoreError) -> Position

  /// Queues a batch. The outcome reaches `sink` with `token`, on the committer thread, after the sync.
  /// Outcomes of one shard arrive in the order of submission.
  func submit(_ batch: ShardBatch, token: UInt64, to sink: any CommitSink)

  /// Queues a change of a replicated entity's copy. The outcome reaches `sink` as with a batch; its position
  /// means nothing. After a failed write all later ones fail with ``StoreError/Code/shardStopped``. After one
  /// that was refused with ``StoreError/Code/overloaded``, deltas of its entity are refused too until its whole
  /// copy is written.
  func submit(_ write: ReplicaWrite, token: UInt64, to sink: any CommitSink)

  /// This node's copy of a replicated entity; `nil` if there is none.
  func replica(of entity: EntityKey) throws(StoreError) -> StoredReplica?

  /// This node's copies of all replicated entities of a bucket.
  func replicas(in bucket: ReplicaBucket) throws(StoreError) -> [StoredReplica]

  /// The position of the last committed batch of a shard; ``Position/start`` if there is none.
  func lastPosition(of shard: ShardID) throws(StoreError) -> Position

  /// The newest snapshot of an entity, if any.
  func snapshot(of entity: EntityKey, in shard: ShardID) throws(StoreError) -> StoredSnapshot?

  /// Events of an entity with `sequence > after`, in order, at most about `byteLimit` bytes of payload
  /// but at least one if there is one.
  func events(
    of entity: EntityKey, in shard: ShardID, after sequence: SequenceNumber, byteLimit: Int
  ) throws(StoreError) -> [StoredEvent]

  /// The record kept for an idempotency key, if it is still retained.
  func idempotencyRecord(
    _ key: String, of entity: EntityKey, in shard: ShardID
  ) throws(StoreError) -> IdempotencyRecord?

  /// Committed batches of a shard with `position > after`, in order and without a gap, with their
  /// events; at most about `byteLimit` bytes of payload but at least one if there is one.
  func stream(
    of shard: ShardID, after position: Position, byteLimit: Int
  ) throws(StoreError) -> [StreamBatch]

  /// The smallest position of the shard whose batch was committed at or after `time`, or the position
  /// after the last one.
  func firstPosition(of shard: ShardID, since time: Timestamp) throws(StoreError) -> Position

  /// Calls `listener` on the committer thread after each sync with the shards that grew and their new
  /// last positions. The listener must not block. It stays registered for the life of the store.
  func addCommitListener(_ listener: @escaping @Sendable ([ShardID: Position]) -> Void)

  /// How far a consumer has come in a shard; ``ConsumerPosition/start`` if it never stored a position.
  func position(
    of consumer: ConsumerID, in shard: ShardID
  ) throws(StoreError) -> ConsumerPosition

  /// Stores how far a consumer has come and returns after it is synced, in order behind everything submitted
  /// before.
  ///
  /// - Throws: ``StoreError`` with `.shardNotOpen` unless the shard is open here: whoever is its primary now
  ///   has its consumers, and what was left of a copy that was dropped must not come back.
  func setPosition(
    _ position: ConsumerPosition, of consumer: ConsumerID, in shard: ShardID
  ) throws(StoreError)

  /// A small named document of the node itself, such as the last plan or the node's identity.
  func metadata(_ name: String) throws(StoreError) -> [UInt8]?

  /// Writes such a document and returns after it is synced.
  func setMetadata(_ name: String, to value: [UInt8]) throws(StoreError)

  /// Commits what is queued, flushes and closes. Later submissions fail with `.closed`.
  func close()
}

/// Receives the outcomes of submitted batches.
package protocol CommitSink: AnyObject, Sendable {
  /// Called on the committer thread once per sync with all outcomes for this sink, in order. It must
  /// not block: hop to the owning event loop.
  func completed(_ outcomes: [CommitOutcome])
}

/// What became of one submitted batch.
package struct CommitOutcome: Sendable {
  /// What the submitter gave with the batch.
  package let token: UInt64
  /// The batch's position once it is durable, or why it is not and never will be.
  package let result: Result<Position, StoreError>
  /// The time the batch was given, which may be later than its own; without meaning on failure.
  package let time: Timestamp

  package init(
    token: UInt64, result: Result<Position, StoreError>,
    time: Timestamp = Timestamp(unixMilliseconds: .min)
  ) {
    self.token = token
    self.result = result
    self.time = time
  }
}
