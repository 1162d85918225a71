import CloudstateModel
import Logging

// Opening, following and deleting the copies of shards.

extension CommitCycle where Backend: ~Copyable {
  /// The slot of a shard that may be used, loaded from the disk if need be.
  private mutating func load(_ shard: ShardID) throws(StoreError) -> CommitLedger.Slot {
    if let refusal = ledger.refusal(of: shard) { throw refusal }
    if let slot = ledger.slot(of: shard) { return slot }
    do throws(StoreError) {
      let (epoch, end) = (try backend.epoch(of: shard), try backend.recover(shard))
      board.show([shard: end])
      return ledger.load(shard, epoch: epoch, end: end)
    } catch {
      if error.code == .corruptRecord { markDamaged(shard, error) }
      throw error
    }
  }

  /// As ``load(_:)`` for a copy that is made anew: of a damaged one nothing is needed but its epoch.
  private mutating func loadToReplace(
    _ append: CopyAppend
  ) throws(StoreError) -> CommitLedger.Slot {
    let shard = append.shard
    guard !ledger.isStopped(shard) else { throw .stopped(shard) }
    if let slot = ledger.slot(of: shard) {
      if append.epoch >= ledger.epoch(of: slot) { ledger.clearDamage(of: shard) }
      return slot
    }
    let seen = try backend.epoch(of: shard)
    guard append.epoch >= seen, append.flaw == nil else { return try load(shard) }
    ledger.clearDamage(of: shard)
    var end = ShardEnd.empty
    do throws(StoreError) {
      end = try backend.recover(shard)
    } catch {
      guard error.code == .corruptRecord else { throw error }
    }
    board.show([shard: end])
    return ledger.load(shard, epoch: seen, end: end)
  }

  /// The shard takes nothing more until its copy is dropped.
  mutating func markDamaged(_ shard: ShardID, _ error: StoreError) {
    guard ledger.refusal(of: shard) == nil else { return }
    ledger.markDamaged(shard, error)
    logger.critical(
      "a shard is stopped because of a damaged record; its copy has to be made anew",
      metadata: ["shard": "\(shard)", "error": "\(error.message)"])
  }

  // MARK: Opening

  /// Stages a higher epoch and takes batches under it.
  ///
  /// - Precondition: everything of the shard is settled.
  mutating func open(_ shard: ShardID, epoch: Epoch) throws(StoreError) -> ShardEnd {
    let slot = try load(shard)
    let seen = ledger.epoch(of: slot)
    guard epoch >= seen else { throw .stale(shard, epoch, seen: seen) }
    if epoch > seen { raise(slot, of: shard, to: epoch) }
    ledger.open(slot, epoch: epoch)
    return ledger.end(of: slot)
  }

  // MARK: Following

  /// Checks an append and stages what it holds.
  mutating func admit(_ append: CopyAppend) -> Result<CopyAppendOutcome, StoreError> {
    do throws(StoreError) {
      return .success(try take(append))
    } catch {
      if error.code == .corruptRecord { markDamaged(append.shard, error) }
      return .failure(error)
    }
  }

  private mutating func take(_ append: CopyAppend) throws(StoreError) -> CopyAppendOutcome {
    let shard = append.shard
    let slot = try append.startsOver ? loadToReplace(append) : load(shard)
    let seen = ledger.epoch(of: slot)
    guard append.epoch >= seen else { return .higherEpoch(seen) }
    if ledger.isOpen(slot) && append.epoch == seen && !append.isOwn {
      throw .openHere(shard, seen)
    }
    if let flaw = append.flaw { throw .flawed(append, flaw) }
    if append.epoch > seen { raise(slot, of: shard, to: append.epoch) }
    if append.startsOver {
      delete(slot, of: shard)
    } else {
      let end = ledger.end(of: slot)
      guard append.after == end.position, append.afterEpoch == end.epoch else {
        return .mismatch(end)
      }
    }
    try stage(append, in: slot)
    return .appended(ledger.end(of: slot).position)
  }

  /// Stages deltas and consumers of an append that follows the copy. What stands before a delta that fails is
  /// kept: the copy is a shorter part of the primary's then.
  private mutating func stage(
    _ append: CopyAppend, in slot: CommitLedger.Slot
  ) throws(StoreError) {
    let shard = append.shard
    for delta in append.deltas {
      // A large append takes several syncs, and one of them may have failed.
      if let refusal = ledger.refusal(of: shard) { throw refusal }
      guard delta.time >= ledger.end(of: slot).time else {
        throw .contradicting(delta, in: shard, "its time is before its predecessor's")
      }
      do throws(StoreError) {
        try stage(delta, in: slot, of: shard)
      } catch {
        guard error.code == .outOfSequence else { throw error }
        throw .contradicting(delta, in: shard, error.message)
      }
      settleIfFull()
    }
    // The sync behind the last delta may have failed as well.
    if let refusal = ledger.refusal(of: shard) { throw refusal }
    guard !append.consumers.isEmpty else { return }
    for (consumer, position) in append.consumers {
      backend.stage(position, of: consumer, in: shard)
    }
    ledger.touch(slot)
    hasStaged = true
  }

  /// Stages a higher epoch, which ends what was open under the last one.
  private mutating func raise(
    _ slot: CommitLedger.Slot, of shard: ShardID, to epoch: Epoch
  ) {
    backend.stage(epoch, of: shard)
    ledger.raise(slot, to: epoch)
    hasStaged = true
  }

  /// Stages the deletion of a copy.
  private mutating func delete(_ slot: CommitLedger.Slot, of shard: ShardID) {
    backend.stageDeletion(of: shard)
    stagedDeletions.insert(shard)
    stagedShardBytes[shard] = nil
    sequences.forget(beginningWith: KeyRange.shard(shard).lower)
    ledger.move(slot, to: .empty)
    hasStaged = true
  }

  // MARK: Dropping

  /// Deletes a copy, also one that cannot be read. An unreadable epoch is replaced by this one: whoever drops a
  /// copy was told by the plan, and a copy without a readable epoch could never be used again.
  mutating func drop(_ shard: ShardID, epoch: Epoch) throws(StoreError) {
    guard !ledger.isStopped(shard) else { throw .stopped(shard) }
    var seen = Epoch.none
    if let slot = ledger.slot(of: shard) {
      seen = ledger.epoch(of: slot)
    } else {
      do throws(StoreError) {
        seen = try backend.epoch(of: shard)
      } catch {
        guard error.code == .corruptRecord else { throw error }
      }
    }
    guard epoch >= seen else { throw .stale(shard, epoch, seen: seen) }
    ledger.clearDamage(of: shard)
    let slot = ledger.load(shard, epoch: seen, end: .empty)
    if epoch > seen { raise(slot, of: shard, to: epoch) }
    ledger.close(slot)
    delete(slot, of: shard)
  }

  // MARK: Consumers

  /// Stages how far a consumer has come, if this node is the shard's primary. A failed write leaves the shard
  /// as it is: a position that was not stored, or was, is true either way.
  mutating func note(
    _ position: ConsumerPosition, of consumer: ConsumerID, in shard: ShardID
  ) throws(StoreError) {
    if let refusal = ledger.refusal(of: shard) { throw refusal }
    guard let slot = ledger.slot(of: shard), ledger.isOpen(slot) else {
      throw .notOpen(shard)
    }
    backend.stage(position, of: consumer, in: shard)
    hasStaged = true
  }
}
