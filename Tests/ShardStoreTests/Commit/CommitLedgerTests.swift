import CloudstateModel
import ShardStore
import Testing

@Suite("Commit ledger")
struct CommitLedgerTests {
  private func end(_ position: UInt64, _ epoch: UInt64, at milliseconds: Int64) -> ShardEnd {
    ShardEnd(position: Position(position), epoch: Epoch(epoch), time: time(milliseconds))
  }

  /// Shards that are open under epoch 5 and end with a batch of epoch 4.
  private func ledger(
    _ shards: ShardID..., last: UInt64 = 0, at milliseconds: Int64 = 0
  ) -> CommitLedger {
    var ledger = CommitLedger()
    for shard in shards {
      let slot = ledger.load(shard, epoch: Epoch(4), end: end(last, 4, at: milliseconds))
      ledger.open(slot, epoch: Epoch(5))
    }
    return ledger
  }

  private func slot(
    of shard: ShardID, in ledger: inout CommitLedger
  ) throws -> CommitLedger.Slot {
    let slot = ledger.slot(of: shard)
    return try #require(slot)
  }

  @Test("positions follow each other, and times never go back")
  func assignment() throws {
    let own = try shard(0)
    var ledger = ledger(own, last: 7, at: 100)
    let slot = try slot(of: own, in: &ledger)
    let assigned = [90, 120, 110].map { ledger.assign(slot, time: time($0)) }
    #expect(assigned == [end(8, 5, at: 100), end(9, 5, at: 120), end(10, 5, at: 120)])
    #expect(ledger.committedEnd(of: slot) == end(7, 4, at: 100))
    #expect(ledger.end(of: slot) == end(10, 5, at: 120))
    let ends = ledger.commit()
    #expect(ends == [own: end(10, 5, at: 120)])
    #expect(ledger.committedEnd(of: slot) == end(10, 5, at: 120))
    let unchanged = ledger.commit()
    #expect(unchanged.isEmpty)
  }

  @Test("epochs: equal passes, lower is stale, higher was not opened")
  func epochs() throws {
    let own = try shard(0)
    var ledger = ledger(own)
    let slot = try slot(of: own, in: &ledger)
    #expect(ledger.refusal(of: slot, under: Epoch(5)) == nil)
    #expect(ledger.refusal(of: slot, under: Epoch(4))?.code == .staleEpoch)
    #expect(ledger.refusal(of: slot, under: Epoch(6))?.code == .shardNotOpen)
    let absent = ledger.slot(of: try shard(1))
    #expect(absent == nil)
  }

  @Test("a copy that follows takes no batches, and none of the epoch before")
  func following() throws {
    let own = try shard(0)
    var ledger = ledger(own)
    let slot = try slot(of: own, in: &ledger)
    ledger.raise(slot, to: Epoch(6))
    #expect(!ledger.isOpen(slot))
    #expect(ledger.refusal(of: slot, under: Epoch(5))?.code == .staleEpoch)
    #expect(ledger.refusal(of: slot, under: Epoch(6))?.code == .shardNotOpen)
    ledger.move(slot, to: end(1, 6, at: 9))
    ledger.move(slot, to: end(2, 6, at: 9))
    let ends = ledger.commit()
    #expect(ends == [own: end(2, 6, at: 9)])
    ledger.open(slot, epoch: Epoch(7))
    #expect(ledger.assign(slot, time: time(3)) == end(3, 7, at: 9))
    ledger.close(slot)
    #expect(ledger.refusal(of: slot, under: Epoch(7))?.code == .shardNotOpen)
  }

  @Test("a failed commit takes positions back and stops the shards it held, no others")
  func failure() throws {
    let (lost, raised, spared) = (try shard(0), try shard(1), try shard(2))
    var ledger = ledger(lost, raised, spared, last: 3)
    let lostSlot = try slot(of: lost, in: &ledger)
    let raisedSlot = try slot(of: raised, in: &ledger)
    let sparedSlot = try slot(of: spared, in: &ledger)
    _ = ledger.assign(lostSlot, time: time(1))
    _ = ledger.assign(lostSlot, time: time(1))
    ledger.raise(raisedSlot, to: Epoch(6))
    let stopped = ledger.fail()
    #expect(stopped == [lost, raised])
    #expect(ledger.committedEnd(of: lostSlot).position == Position(3))
    #expect(ledger.end(of: lostSlot).position == Position(3))
    #expect(ledger.refusal(of: lostSlot, under: Epoch(5))?.code == .shardStopped)
    #expect(ledger.refusal(of: raisedSlot, under: Epoch(6))?.code == .shardStopped)
    #expect(ledger.refusal(of: sparedSlot, under: Epoch(5)) == nil)
    #expect(ledger.refusal(of: lost)?.code == .shardStopped)
    #expect(ledger.usableShards == [spared])
    let nothing = ledger.fail()
    #expect(nothing.isEmpty)
  }

  @Test("a shard that stopped before it was loaded stays stopped")
  func stoppedBefore() throws {
    let own = try shard(0)
    var ledger = CommitLedger()
    ledger.stop(own)
    let slot = ledger.load(own, epoch: .none, end: .empty)
    ledger.open(slot, epoch: Epoch(1))
    #expect(ledger.refusal(of: slot, under: Epoch(1))?.code == .shardStopped)
  }

  @Test("damage stops a shard until it is cleared, and clears no failed write")
  func damage() throws {
    let own = try shard(0)
    var ledger = ledger(own)
    let slot = try slot(of: own, in: &ledger)
    ledger.markDamaged(own, StoreError(.corruptRecord, "record x"))
    #expect(ledger.refusal(of: slot, under: Epoch(5))?.message == "record x")
    #expect(ledger.usableShards.isEmpty)
    ledger.clearDamage(of: own)
    #expect(ledger.refusal(of: slot, under: Epoch(5)) == nil)
    ledger.stop(own)
    ledger.clearDamage(of: own)
    #expect(ledger.refusal(of: slot, under: Epoch(5))?.code == .shardStopped)
  }
}
