package import CloudstateModel

/// What the committer decides, without threads or disks: which batches are admitted, which positions and
/// times they get, which copies follow another node's primary, and what a failed commit stops.
///
/// Batches are assigned positions as they are gathered; ``commit()`` or ``fail()`` settles all of them
/// together.
package struct CommitLedger: Sendable {
  /// Stands for a known shard inside this ledger.
  package struct Slot: Hashable, Sendable {
    fileprivate let index: Int
  }

  private struct Shard: Sendable {
    let id: ShardID
    /// The highest seen.
    var epoch: Epoch
    /// Whether batches are taken under `epoch`. Otherwise the copy follows another node's primary, or rests.
    var isOpen = false
    var committed: ShardEnd
    /// The newest assignment; equal to `committed` when nothing is gathered.
    var assigned: ShardEnd
    /// Something of the shard is gathered.
    var isUnsettled = false
    /// Why nothing more is taken, if so.
    var refusal: StoreError?
  }

  private var shards: [Shard] = []
  private var slots: [ShardID: Slot] = [:]
  /// The shard asked for last: batches of one shard come in runs.
  private var lastFound: Slot?
  /// Shards that stopped, whether they had been loaded before or not. Never taken back.
  private var stopped: Set<ShardID> = []
  /// Shards with a record that cannot be trusted, likewise.
  private var damaged: [ShardID: StoreError] = [:]
  /// Shards with something that is not settled, each once.
  private var unsettled: [Slot] = []

  /// Knows no shard.
  package init() {}

  // MARK: Shards

  /// The shards that were loaded and can be used, in the order of loading.
  package var usableShards: [ShardID] { shards.filter { $0.refusal == nil }.map(\.id) }

  /// The slot of a shard that was loaded.
  package mutating func slot(of shard: ShardID) -> Slot? {
    if let lastFound, shards[lastFound.index].id == shard { return lastFound }
    lastFound = slots[shard]
    return lastFound
  }

  /// Takes up a shard as it was found on the disk, not open for writing. One that is known stays as it is.
  @discardableResult
  package mutating func load(_ shard: ShardID, epoch: Epoch, end: ShardEnd) -> Slot {
    if let known = slots[shard] { return known }
    let slot = Slot(index: shards.count)
    slots[shard] = slot
    shards.append(Shard(id: shard, epoch: epoch, committed: end, assigned: end))
    shards[slot.index].refusal = refusal(of: shard)
    return slot
  }

  /// Takes batches of a shard from now on, under this epoch.
  ///
  /// - Precondition: the epoch is not lower than ``epoch(of:)``.
  package mutating func open(_ slot: Slot, epoch: Epoch) {
    shards[slot.index].epoch = epoch
    shards[slot.index].isOpen = true
  }

  /// Takes no batches of a shard from now on.
  package mutating func close(_ slot: Slot) { shards[slot.index].isOpen = false }

  package func isOpen(_ slot: Slot) -> Bool { shards[slot.index].isOpen }

  /// Whether something of the shard is gathered.
  package func isUnsettled(_ slot: Slot) -> Bool { shards[slot.index].isUnsettled }

  /// The highest epoch seen for a shard, durable or about to be.
  package func epoch(of slot: Slot) -> Epoch { shards[slot.index].epoch }

  /// Where a shard ends once everything gathered is durable.
  package func end(of slot: Slot) -> ShardEnd { shards[slot.index].assigned }

  /// Where a shard ends on the disk.
  package func committedEnd(of slot: Slot) -> ShardEnd { shards[slot.index].committed }

  // MARK: Refusing

  /// Why nothing may be done with a shard at all.
  package func refusal(of shard: ShardID) -> StoreError? {
    stopped.contains(shard) ? .stopped(shard) : damaged[shard]
  }

  /// Whether a failed write stopped the shard.
  package func isStopped(_ shard: ShardID) -> Bool { stopped.contains(shard) }

  /// Why a batch written under `epoch` may not be committed.
  package func refusal(of slot: Slot, under epoch: Epoch) -> StoreError? {
    let shard = shards[slot.index]
    if let refusal = shard.refusal { return refusal }
    if epoch < shard.epoch { return .stale(shard.id, epoch, seen: shard.epoch) }
    return shard.isOpen && epoch == shard.epoch ? nil : .notOpen(shard.id, epoch)
  }

  /// Stops one shard for good.
  package mutating func stop(_ shard: ShardID) {
    stopped.insert(shard)
    refreshRefusal(of: shard)
  }

  /// Stops one shard until its copy is dropped, because of a record that cannot be trusted.
  package mutating func markDamaged(_ shard: ShardID, _ error: StoreError) {
    damaged[shard] = error
    refreshRefusal(of: shard)
  }

  /// The damaged copy is gone.
  package mutating func clearDamage(of shard: ShardID) {
    damaged[shard] = nil
    refreshRefusal(of: shard)
  }

  private mutating func refreshRefusal(of shard: ShardID) {
    guard let slot = slots[shard] else { return }
    shards[slot.index].refusal = refusal(of: shard)
  }

  // MARK: Gathering

  /// Gives a batch of an open shard the next position. Its time is its own, or that of its predecessor if
  /// that is later: times of a shard never go back, so that a position can be found by time.
  package mutating func assign(_ slot: Slot, time: Timestamp) -> ShardEnd {
    let shard = shards[slot.index]
    let next = ShardEnd(
      position: shard.assigned.position.next, epoch: shard.epoch,
      time: max(time, shard.assigned.time))
    move(slot, to: next)
    return next
  }

  /// A batch of another primary is gathered: the copy ends with it.
  package mutating func move(_ slot: Slot, to end: ShardEnd) {
    shards[slot.index].assigned = end
    touch(slot)
  }

  /// A higher epoch is gathered: whoever wrote under the last one has been replaced.
  package mutating func raise(_ slot: Slot, to epoch: Epoch) {
    shards[slot.index].epoch = epoch
    shards[slot.index].isOpen = false
    touch(slot)
  }

  /// Something of a shard is gathered, so that a failure stops it.
  package mutating func touch(_ slot: Slot) {
    guard !shards[slot.index].isUnsettled else { return }
    shards[slot.index].isUnsettled = true
    unsettled.append(slot)
  }

  // MARK: Settling

  /// All that was gathered is durable. Answers where the shards end that were touched by it.
  package mutating func commit() -> [ShardID: ShardEnd] {
    var ends: [ShardID: ShardEnd] = [:]
    ends.reserveCapacity(unsettled.count)
    for slot in unsettled {
      shards[slot.index].committed = shards[slot.index].assigned
      shards[slot.index].isUnsettled = false
      ends[shards[slot.index].id] = shards[slot.index].committed
    }
    unsettled.removeAll(keepingCapacity: true)
    return ends
  }

  /// What was gathered is lost or in doubt: its shards stop. Answers which those are.
  package mutating func fail() -> [ShardID] {
    for slot in unsettled {
      shards[slot.index].assigned = shards[slot.index].committed
      shards[slot.index].isUnsettled = false
    }
    let lost = unsettled.map { shards[$0.index].id }
    unsettled.removeAll(keepingCapacity: true)
    for shard in lost { stop(shard) }
    return lost
  }
}
