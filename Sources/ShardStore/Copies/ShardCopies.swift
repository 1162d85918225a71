package import CloudstateModel

/// What a store does for replication and moves of shards (design section 7).
///
/// Whatever changes a shard goes through the committer in the order of submission, together with the batches
/// of ``ShardStore``, and takes part in the same sync. Completions are called exactly once, on the committer
/// thread (on the caller's once the store is closed), and must not block.
///
/// A record that cannot be trusted, met by any of these, stops its shard: everything is answered with
/// ``StoreError/Code/corruptRecord`` and the record's name until the copy is dropped. Other shards go on.
package protocol ShardCopies: ShardStore {
  /// As ``ShardStore/openShard(_:epoch:)``, without waiting. Batches submitted before belong to the epoch
  /// before, batches submitted after to this one.
  func openShard(
    _ shard: ShardID, epoch: Epoch,
    completion: @escaping @Sendable (Result<ShardEnd, StoreError>) -> Void)

  /// Ends writing to a shard behind everything that was submitted before: later batches are refused with
  /// ``StoreError/Code/shardNotOpen`` until it is opened again.
  func closeShard(_ shard: ShardID, completion: @escaping @Sendable () -> Void)

  /// Writes deltas of the shard's primary behind this node's copy. A shard that is open for writing here is
  /// closed first if the epoch is higher than the one it was opened with. Under the same one the append is
  /// refused with ``StoreError/Code/staleEpoch``: an epoch has one primary, and that is this node.
  ///
  /// Fails with ``StoreError/Code/outOfSequence``, with nothing written, if the deltas do not follow each other,
  /// and with ``StoreError/Code/overloaded`` if the queue is full. A large append takes several syncs; after a
  /// failure the copy may hold the first part of it.
  func append(
    _ append: CopyAppend,
    completion: @escaping @Sendable (Result<CopyAppendOutcome, StoreError>) -> Void)

  /// Makes `epoch` durable as the highest seen, if it is, and deletes this node's copy of the shard: journal,
  /// snapshots, stream, idempotency records, consumer positions. Refused with ``StoreError/Code/staleEpoch`` if
  /// a higher epoch was seen. Clears the mark of a copy that was stopped as damaged.
  func dropShard(
    _ shard: ShardID, epoch: Epoch,
    completion: @escaping @Sendable (Result<Void, StoreError>) -> Void)

  /// Where this node's copy ends on stable storage.
  func end(of shard: ShardID) throws(StoreError) -> ShardEnd

  /// The epoch of the batch at a position; `nil` if there is none. ``Epoch/none`` at ``Position/start``.
  func epoch(of shard: ShardID, at position: Position) throws(StoreError) -> Epoch?

  /// Committed batches with `position > after`, in order and without a gap; at most about `byteLimit` bytes of
  /// content but at least one if there is one.
  func deltas(
    of shard: ShardID, after position: Position, byteLimit: Int
  ) throws(StoreError) -> [ShardDelta]

  /// How far all consumers have come in a shard.
  func consumerPositions(
    of shard: ShardID
  ) throws(StoreError) -> [ConsumerID: ConsumerPosition]

  /// About how many bytes the shard has, in files and in what will become files. Cheap, and rough.
  func approximateBytes(of shard: ShardID) -> UInt64
}

/// Deltas for a copy, in order.
package struct CopyAppend: Sendable {
  package var shard: ShardID
  /// The epoch of the primary that sends them. It is made durable with them.
  package var epoch: Epoch
  /// Where the copy must end.
  package var after: Position
  /// The epoch of the batch there.
  package var afterEpoch: Epoch
  package var deltas: [ShardDelta]
  /// Written as they are, even if the copy holds later ones.
  package var consumers: [ConsumerID: ConsumerPosition]
  /// Delete the copy first; `after` is then ``Position/start``.
  package var startsOver: Bool
  /// This node is the shard's primary under this epoch and has not written yet: it takes over what another copy
  /// has and its own lacks.
  package var isOwn: Bool

  package init(
    shard: ShardID, epoch: Epoch, after: Position, afterEpoch: Epoch, deltas: [ShardDelta],
    consumers: [ConsumerID: ConsumerPosition] = [:], startsOver: Bool = false,
    isOwn: Bool = false
  ) {
    self.shard = shard
    self.epoch = epoch
    self.after = after
    self.afterEpoch = afterEpoch
    self.deltas = deltas
    self.consumers = consumers
    self.startsOver = startsOver
    self.isOwn = isOwn
  }
}

/// What became of a ``CopyAppend``.
package enum CopyAppendOutcome: Hashable, Sendable {
  /// All deltas are synced, and the copy ends here.
  case appended(Position)
  /// The copy ends elsewhere; nothing was written but the epoch.
  case mismatch(ShardEnd)
  /// The copy has seen this higher epoch; nothing was written.
  case higherEpoch(Epoch)
}
