import CloudstateModel

extension StoreError {
  /// An earlier commit of the shard failed.
  static func stopped(_ shard: ShardID) -> StoreError {
    StoreError(
      .shardStopped,
      "shard \(shard) is stopped because an earlier write to the disk failed; "
        + "repair or free the disk, then restart the node")
  }

  /// An earlier commit of replicated entities failed.
  static let replicasStopped = StoreError(
    .shardStopped,
    "the replicated entities of this node are stopped because an earlier write to the disk failed; "
      + "repair or free the disk, then restart the node")

  /// Somebody else was given the shard.
  static func stale(_ shard: ShardID, _ epoch: Epoch, seen: Epoch) -> StoreError {
    StoreError(
      .staleEpoch,
      "epoch \(epoch) of shard \(shard) is over, epoch \(seen) was seen: another owner took over")
  }

  /// Nobody opened the shard under that epoch.
  static func notOpen(_ shard: ShardID, _ epoch: Epoch) -> StoreError {
    StoreError(
      .shardNotOpen, "shard \(shard) is not open for writing under epoch \(epoch); open it first")
  }

  /// Likewise under any.
  static func notOpen(_ shard: ShardID) -> StoreError {
    StoreError(
      .shardNotOpen,
      "shard \(shard) is not open for writing on this node; its primary has its consumers")
  }

  /// Deltas of another primary came under the epoch in which this node is the primary.
  static func openHere(_ shard: ShardID, _ epoch: Epoch) -> StoreError {
    StoreError(
      .staleEpoch,
      "shard \(shard) is open for writing on this node under epoch \(epoch), and an epoch has one "
        + "primary: its sender does not own it")
  }

  /// An append contradicts itself.
  static func flawed(_ append: CopyAppend, _ flaw: String) -> StoreError {
    StoreError(
      .outOfSequence,
      "deltas for this node's copy of shard \(append.shard) do not follow each other: \(flaw). "
        + "Nothing was written; read them from the primary's store again")
  }

  /// A delta follows the copy by position and epoch, and its events do not follow the copy's.
  static func contradicting(_ delta: ShardDelta, in shard: ShardID, _ problem: String) -> StoreError
  {
    StoreError(
      disagreeing: "this node's copy of shard \(shard)",
      "position \(delta.position) of its primary does not follow it (\(problem))")
  }
}
