package import CloudstateModel

/// What the committer decides, without threads or disks: which batches are admitted, which positions and
/// times they get, and what a failed commit stops.
///
/// Batches are assigned positions as they are gathered; ``commit()`` or ``fail()`` settles all of them
/// together.
package struct CommitLedger: Sendable {
  /// A batch's place in its shard.
  package struct Assignment: Hashable, Sendable {
    package let position: Position
    /// The batch's time, or that of its predecessor if that is later: times of a shard never go back,
    /// so that a position can be found by time.
    package let time: Timestamp

    package init(position: Position, time: Timestamp) {
      self.position = position
      self.time = time
    }
  }

  /// Stands for an open shard inside this ledger.
  package struct Slot: Hashable, Sendable {
    fileprivate let index: Int
  }

  private struct Shard: Sendable {
    let id: ShardID
    var epoch: Epoch
    var committed: Assignment
    /// The newest assignment; equal to `committed` when nothing is gathered.
    var assigned: Assignment
    /// Set once by a failed commit, never cleared.
    var isStopped = false
  }

  private var shards: [Shard] = []
  private var slots: [ShardID: Slot] = [:]
  /// The shard asked for last: batches of one shard come in runs.
  private var lastFound: Slot?
  /// Shards that stopped, whether they had been opened before or not.
  private var stopped: Set<ShardID> = []
  /// Shards with assignments that are not settled, each once.
  private var unsettled: [Slot] = []

  /// Knows no open shard.
  package init() {}

  /// The shards that were opened, in the order of their first opening.
  package var openShards: [ShardID] { shards.map(\.id) }

  /// The slot of an open shard.
  package mutating func slot(of shard: ShardID) -> Slot? {
    if let lastFound, shards[lastFound.index].id == shard { return lastFound }
    lastFound = slots[shard]
    return lastFound
  }

  /// Opens a shard whose last committed batch is `last`, or raises the epoch of one that is open.
  ///
  /// - Precondition: ``refusalToOpen(_:under:seen:)`` has no objection and nothing is unsettled.
  package mutating func open(_ shard: ShardID, epoch: Epoch, last: Assignment) {
    if let slot = slots[shard] {
      shards[slot.index].epoch = epoch
      return
    }
    slots[shard] = Slot(index: shards.count)
    shards.append(Shard(id: shard, epoch: epoch, committed: last, assigned: last))
  }

  /// Why a shard may not be opened under `epoch`, given the highest epoch on disk.
  package func refusalToOpen(_ shard: ShardID, under epoch: Epoch, seen: Epoch) -> StoreError? {
    if stopped.contains(shard) { return .stopped(shard) }
    return epoch < seen ? .stale(shard, epoch, seen: seen) : nil
  }

  /// The last committed batch of an open shard.
  package func lastCommitted(of shard: ShardID) -> Assignment? {
    slots[shard].map { shards[$0.index].committed }
  }

  /// Why a batch written under `epoch` may not be committed.
  package func refusal(of slot: Slot, under epoch: Epoch) -> StoreError? {
    let shard = shards[slot.index]
    if shard.isStopped { return .stopped(shard.id) }
    if epoch == shard.epoch { return nil }
    if epoch < shard.epoch { return .stale(shard.id, epoch, seen: shard.epoch) }
    return .notOpen(shard.id, epoch)
  }

  /// Gives a batch the next position.
  package mutating func assign(_ slot: Slot, time: Timestamp) -> Assignment {
    let previous = shards[slot.index].assigned
    if previous == shards[slot.index].committed { unsettled.append(slot) }
    let next = Assignment(position: previous.position.next, time: max(time, previous.time))
    shards[slot.index].assigned = next
    return next
  }

  /// All assigned batches are durable. Answers the shards that grew and their last positions.
  package mutating func commit() -> [ShardID: Position] {
    var grown: [ShardID: Position] = [:]
    grown.reserveCapacity(unsettled.count)
    for slot in unsettled {
      shards[slot.index].committed = shards[slot.index].assigned
      grown[shards[slot.index].id] = shards[slot.index].committed.position
    }
    unsettled.removeAll(keepingCapacity: true)
    return grown
  }

  /// The assigned batches are lost or in doubt: their shards stop. Answers which those are.
  package mutating func fail() -> [ShardID] {
    for slot in unsettled {
      shards[slot.index].assigned = shards[slot.index].committed
    }
    let lost = unsettled.map { shards[$0.index].id }
    unsettled.removeAll(keepingCapacity: true)
    for shard in lost { stop(shard) }
    return lost
  }

  /// Stops one shard for good.
  package mutating func stop(_ shard: ShardID) {
    stopped.insert(shard)
    guard let slot = slots[shard] else { return }
    shards[slot.index].isStopped = true
  }
}

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
}
