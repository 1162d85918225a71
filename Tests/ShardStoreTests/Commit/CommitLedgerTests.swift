import CloudstateModel
import ShardStore
import Testing

@Suite("Commit ledger")
struct CommitLedgerTests {
  private func ledger(
    _ shards: ShardID..., last: UInt64 = 0, at milliseconds: Int64 = 0
  ) -> CommitLedger {
    var ledger = CommitLedger()
    for shard in shards {
      ledger.open(
        shard, epoch: Epoch(5),
        last: .init(position: Position(last), time: time(milliseconds)))
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
    #expect(assigned.map(\.position.number) == [8, 9, 10])
    #expect(assigned.map(\.time) == [100, 120, 120].map(time))
    #expect(ledger.lastCommitted(of: own)?.position == Position(7))
    let grown = ledger.commit()
    #expect(grown == [own: Position(10)])
    #expect(ledger.lastCommitted(of: own)?.position == Position(10))
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
    #expect(ledger.refusalToOpen(own, under: Epoch(4), seen: Epoch(5))?.code == .staleEpoch)
    #expect(ledger.refusalToOpen(own, under: Epoch(5), seen: Epoch(5)) == nil)
  }

  @Test("a failed commit takes positions back and stops the shards it held, no others")
  func failure() throws {
    let (lost, spared) = (try shard(0), try shard(1))
    var ledger = ledger(lost, spared, last: 3)
    let lostSlot = try slot(of: lost, in: &ledger)
    let sparedSlot = try slot(of: spared, in: &ledger)
    _ = ledger.assign(lostSlot, time: time(1))
    _ = ledger.assign(lostSlot, time: time(1))
    let stopped = ledger.fail()
    #expect(stopped == [lost])
    #expect(ledger.lastCommitted(of: lost)?.position == Position(3))
    #expect(ledger.refusal(of: lostSlot, under: Epoch(5))?.code == .shardStopped)
    #expect(ledger.refusal(of: sparedSlot, under: Epoch(5)) == nil)
    #expect(ledger.refusalToOpen(lost, under: Epoch(9), seen: Epoch(5))?.code == .shardStopped)
    let nothing = ledger.fail()
    #expect(nothing.isEmpty)
  }

  @Test("a shard whose first epoch could not be written stays stopped")
  func stoppedBeforeOpen() throws {
    var ledger = CommitLedger()
    ledger.stop(try shard(0))
    #expect(
      ledger.refusalToOpen(try shard(0), under: Epoch(1), seen: .none)?.code == .shardStopped)
  }
}
