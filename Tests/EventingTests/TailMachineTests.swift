import CloudstateModel
import CloudstateProtocol
import Eventing
import GRPCTransport
import NIOCore
import ShardStore
import Testing

/// Traces: inputs in, actions out.
@Suite struct TailMachineTests {
  private func page(_ batches: StreamBatch..., last: UInt64) -> Result<
    StreamPage, StreamReadFailure
  > {
    .success(StreamPage(batches: batches, lastPosition: Position(last)))
  }

  /// Lets each shard's owner tell the end of its stream, as the first thing asked.
  private func begin(_ machine: inout TailMachine, ends: UInt64...) {
    #expect(
      machine.actions(now: moment(0)).compactMap(\.lookup).map(\.1)
        == ends.map { _ in .lastPosition })
    for (shard, end) in ends.enumerated() {
      machine.answered(UInt32(shard), position: .success(Position(end)), now: moment(0))
    }
  }

  @Test("NEW begins behind the end, says so, and then sends what notices tell of")
  func new() throws {
    var machine = TailMachine(try tailPlan(shardCount: 1))
    #expect(machine.actions(now: moment(0)) == [.look(shard: 0, .lastPosition)])
    machine.answered(0, position: .success(Position(7)), now: moment(1))
    #expect(
      machine.actions(now: moment(1)) == [
        .progress([.init(shard: 0, position: Position(7))], caughtUp: true)
      ])
    machine.noticed(0, position: Position(8), now: moment(2))
    #expect(
      machine.actions(now: moment(2)) == [
        .look(shard: 0, .read(after: Position(7), byteLimit: 32 * 1024))
      ])
    machine.answered(0, page: page(batch(8, types: ["A", "B"]), last: 8), now: moment(3))
    #expect(machine.actions(now: moment(3)).compactMap(\.sentAddress) == ["0:8/0", "0:8/1"])
  }

  @Test("A position that is not there is asked for once, not again and again")
  func emptyPage() throws {
    var machine = TailMachine(try tailPlan(shardCount: 1) { $0.cursors = [cursor(0, 3)] })
    begin(&machine, ends: 3)
    #expect(machine.actions(now: moment(1)).compactMap(\.lookup).isEmpty)
    machine.noticed(0, position: Position(9), now: moment(2))
    #expect(machine.actions(now: moment(2)).compactMap(\.lookup).count == 1)
    machine.answered(0, page: page(last: 3), now: moment(3))
    #expect(machine.actions(now: moment(3)).compactMap(\.lookup).isEmpty)
  }

  @Test("A notice during an empty read is not lost")
  func noticeDuringRead() throws {
    var machine = TailMachine(try tailPlan(shardCount: 1) { $0.cursors = [cursor(0, 3)] })
    begin(&machine, ends: 4)
    #expect(machine.actions(now: moment(1)).compactMap(\.lookup).count == 1)
    machine.noticed(0, position: Position(5), now: moment(1))
    machine.answered(0, page: page(last: 3), now: moment(2))
    let lookups = machine.actions(now: moment(2)).compactMap(\.lookup)
    #expect(lookups.map(\.1) == [.read(after: Position(3), byteLimit: 32 * 1024)])
  }

  @Test("Nothing is read while the call is not writable")
  func backPressure() throws {
    var machine = TailMachine(try tailPlan(shardCount: 1) { $0.start = .all })
    machine.writabilityChanged(false)
    #expect(machine.actions(now: moment(0)).isEmpty)
    #expect(machine.nextWake == nil)
    machine.writabilityChanged(true)
    begin(&machine, ends: 2)
    #expect(machine.actions(now: moment(1)).compactMap(\.lookup).count == 1)
    machine.writabilityChanged(false)
    machine.answered(0, page: page(batch(1, types: ["A"]), last: 2), now: moment(2))
    let actions = machine.actions(now: moment(2))
    #expect(actions.compactMap(\.sentAddress) == ["0:1/0"])
    #expect(actions.compactMap(\.lookup).isEmpty)
  }

  @Test("No more reads are outstanding than allowed, and every shard gets its turn")
  func fairness() throws {
    var machine = TailMachine(try tailPlan(shardCount: 5) { $0.start = .all }) {
      $0.maximumOutstandingReads = 2
    }
    begin(&machine, ends: 99, 1, 1, 1, 1)
    var asked = machine.actions(now: moment(0)).compactMap(\.lookup?.shard)
    #expect(asked == [0, 1])
    for step in 1...4 {
      let shard = UInt32(step - 1)
      // Shard 0 always has more; it must not starve the others.
      machine.answered(shard, page: page(batch(1, types: ["A"]), last: 99), now: moment(step))
      asked += machine.actions(now: moment(step)).compactMap(\.lookup?.shard)
    }
    #expect(asked == [0, 1, 2, 3, 4, 0])
  }

  @Test("Cursors that move without events are told after a second, silence after five")
  func progress() throws {
    let plan = try tailPlan(shardCount: 1) {
      $0.subjects = ["cs.evt.cart.*.*.Added"]
      $0.cursors = [cursor(0, 0)]
    }
    var machine = TailMachine(plan)
    begin(&machine, ends: 0)
    #expect(
      machine.actions(now: moment(1)).contains(
        .progress([.init(shard: 0, position: .start)], caughtUp: true)))
    machine.noticed(0, position: Position(1), now: moment(10))
    _ = machine.actions(now: moment(10))
    machine.answered(0, page: page(batch(1, types: ["Removed"]), last: 1), now: moment(11))
    #expect(machine.actions(now: moment(11)) == [])
    #expect(try #require(machine.nextWake) <= moment(1001))
    #expect(
      machine.actions(now: moment(1001)).contains(
        .progress([.init(shard: 0, position: Position(1))], caughtUp: true)))
    machine.answered(0, position: .success(Position(1)), now: moment(1002))
    #expect(
      machine.actions(now: moment(6001)).contains(.progress([], caughtUp: true)),
      "a call that is silent for five seconds must show that it lives")
  }

  @Test("An owner that stays away is told of once for all its shards, and so is its return")
  func unreachable() throws {
    var machine = TailMachine(try tailPlan(shardCount: 2) { $0.start = .all })
    let failure = StreamReadFailure("node n2 does not answer")
    var notices: [String] = []
    var retries = 0
    for time in stride(from: 0, through: 3000, by: 50) {
      let actions = machine.actions(now: moment(time))
      notices += actions.compactMap(\.noticeText)
      for (shard, _) in actions.compactMap(\.lookup) {
        retries += 1
        machine.answered(shard, position: .failure(failure), now: moment(time))
      }
    }
    #expect(notices == ["shards 0, 1 cannot be read: node n2 does not answer; trying again"])
    #expect(retries < 16, "retries must back off, there were \(retries)")
    for time in stride(from: 3050, through: 9000, by: 50) {
      let actions = machine.actions(now: moment(time))
      notices += actions.compactMap(\.noticeText)
      for (shard, _) in actions.compactMap(\.lookup) {
        machine.answered(shard, position: .success(.start), now: moment(time))
      }
    }
    let back = notices.dropFirst().joined()
    #expect(back.contains("can be read again") && !back.contains("cannot"))
  }

  @Test("Shards that begin to fail shortly after each other are told of together")
  func gatheredNotices() throws {
    var machine = TailMachine(try tailPlan(shardCount: 4) { $0.start = .all })
    var notices: [String] = []
    for time in stride(from: 0, through: 3000, by: 20) {
      let actions = machine.actions(now: moment(time))
      notices += actions.compactMap(\.noticeText)
      // The answers come 50 ms after each other.
      for shard in UInt32(0)..<4 where time >= 50 * Int(shard) {
        machine.answered(shard, position: .failure(StreamReadFailure("away")), now: moment(time))
      }
    }
    #expect(notices == ["shards 0, 1, 2, 3 cannot be read: away; trying again"])
  }

  @Test("A short outage, as in a planned move, is not told of")
  func shortOutage() throws {
    var machine = TailMachine(try tailPlan(shardCount: 1) { $0.cursors = [cursor(0, 0)] })
    _ = machine.actions(now: moment(0))
    machine.answered(0, position: .failure(StreamReadFailure("moved")), now: moment(1))
    var texts: [String] = []
    for time in stride(from: 100, through: 5000, by: 100) {
      let actions = machine.actions(now: moment(time))
      texts += actions.compactMap(\.noticeText)
      for (shard, _) in actions.compactMap(\.lookup) {
        machine.answered(shard, position: .success(.start), now: moment(time))
      }
    }
    #expect(texts == [])
  }

  @Test("A shard that cannot be asked when a NEW tail begins joins with what came since")
  func newWithOutage() throws {
    var machine = TailMachine(try tailPlan(shardCount: 1))
    _ = machine.actions(now: moment(0))
    machine.answered(0, position: .failure(StreamReadFailure("away")), now: moment(1))
    let lookups = machine.actions(now: moment(200)).compactMap(\.lookup)
    #expect(lookups.map(\.1) == [.locate(since: Timestamp(unixMilliseconds: 50_000))])
    machine.answered(0, position: .success(Position(5)), now: moment(201))
    #expect(machine.actions(now: moment(201)).compactMap(\.lookup).map(\.1) == [.lastPosition])
    machine.answered(0, position: .success(Position(6)), now: moment(201))
    #expect(
      machine.actions(now: moment(201)).compactMap(\.lookup).map(\.1) == [
        .read(after: Position(4), byteLimit: 32 * 1024)
      ])
  }

  @Test("A call that ends at the current end sends exactly what was stored when it began")
  func endAtCurrent() throws {
    var machine = TailMachine(
      try tailPlan(shardCount: 1) {
        $0.start = .all
        $0.endAtCurrent = true
      })
    begin(&machine, ends: 2)
    _ = machine.actions(now: moment(0))
    machine.answered(0, page: page(batch(1, types: ["A"]), last: 2), now: moment(1))
    #expect(machine.actions(now: moment(1)).compactMap(\.lookup).count == 1)
    machine.noticed(0, position: Position(3), now: moment(2))
    machine.answered(
      0, page: page(batch(2, types: ["A"]), batch(3, types: ["A"]), last: 3), now: moment(3))
    let actions = machine.actions(now: moment(3))
    #expect(actions.compactMap(\.sentAddress) == ["0:2/0"])
    #expect(actions.suffix(2).first == .progress([], caughtUp: true))
    #expect(actions.last == .finish(.ok))
    #expect(machine.actions(now: moment(4)) == [])
  }

  @Test("A call that ends at the current end gives up on a shard that stays away")
  func endAtCurrentGivesUp() throws {
    var machine = TailMachine(
      try tailPlan(shardCount: 1) {
        $0.start = .all
        $0.endAtCurrent = true
      })
    var end: TailMachine.Action?
    for time in stride(from: 0, through: 60_000, by: 100) where end == nil {
      for action in machine.actions(now: moment(time)) {
        if let (shard, _) = action.lookup {
          machine.answered(shard, position: .failure(StreamReadFailure("away")), now: moment(time))
        }
        if case .finish = action { end = action }
      }
    }
    guard case .finish(let status)? = end else {
      Issue.record("the call never ended")
      return
    }
    #expect(status.code == .unavailable)
    #expect(status.message.contains("away"))
  }

  @Test("An owner that hangs does not keep the places of reads from the shards of others")
  func hangingOwner() throws {
    var machine = TailMachine(try tailPlan(shardCount: 3) { $0.start = .all }) {
      $0.maximumOutstandingReads = 1
    }
    #expect(machine.actions(now: moment(0)).compactMap(\.lookup?.shard) == [0, 1, 2])
    machine.answered(2, position: .success(Position(1)), now: moment(1))
    let lookups = machine.actions(now: moment(1)).compactMap(\.lookup)
    #expect(lookups.map(\.shard) == [2])
    machine.answered(2, page: .failure(StreamReadFailure("hangs")), now: moment(3000))
    machine.answered(1, position: .success(Position(1)), now: moment(3000))
    #expect(machine.actions(now: moment(3000)).compactMap(\.lookup?.shard) == [1])
    let retry = machine.actions(now: moment(3200)).compactMap(\.lookup)
    #expect(retry.map(\.shard) == [2])
    #expect(retry.map(\.1) == [.poll], "a shard that failed is asked a small question first")
  }

  @Test(
    "The last events are chosen over all shards; the client knows where each shard begins first")
  func last() throws {
    var machine = TailMachine(try tailPlan(shardCount: 2) { $0.last = 2 })
    #expect(
      machine.actions(now: moment(0)).compactMap(\.lookup).map(\.1) == [
        .lastPosition, .lastPosition,
      ])
    machine.answered(0, position: .success(Position(3)), now: moment(1))
    machine.answered(1, position: .success(Position(1)), now: moment(1))
    _ = machine.actions(now: moment(1))
    let first = [
      batch(1, types: ["A"], time: 10), batch(2, types: ["A"], time: 40),
      batch(3, types: ["A", "B"], time: 50),
    ]
    machine.answered(
      0, page: .success(StreamPage(batches: first, lastPosition: Position(3))), now: moment(2))
    #expect(machine.actions(now: moment(2)).isEmpty, "the choice waits for the other shard")
    machine.answered(1, page: page(batch(1, types: ["A"], time: 45), last: 1), now: moment(3))
    let actions = machine.actions(now: moment(3))
    #expect(
      actions.contains(
        .progress(
          [.init(shard: 0, position: Position(2)), .init(shard: 1, position: Position(1))],
          caughtUp: false)))
    #expect(
      actions.compactMap(\.lookup).map(\.1) == [.read(after: Position(2), byteLimit: 32 * 1024)])
    machine.answered(0, page: page(first[2], last: 3), now: moment(4))
    #expect(machine.actions(now: moment(4)).compactMap(\.sentAddress) == ["0:3/0", "0:3/1"])
  }

  @Test("The last events of other shards do not wait for one that stays away")
  func lastWithOutage() throws {
    var machine = TailMachine(try tailPlan(shardCount: 2) { $0.last = 1 })
    var sent: [String] = []
    for time in stride(from: 0, through: 5000, by: 50) {
      let actions = machine.actions(now: moment(time))
      sent += actions.compactMap(\.sentAddress)
      for (shard, lookup) in actions.compactMap(\.lookup) {
        switch lookup {
        case _ where shard == 1:
          machine.answered(1, position: .failure(StreamReadFailure("away")), now: moment(time))
        case .read:
          machine.answered(0, page: page(batch(1, types: ["A"]), last: 1), now: moment(time))
        default: machine.answered(0, position: .success(Position(1)), now: moment(time))
        }
      }
    }
    #expect(sent == ["0:1/0"])
  }

  @Test("A shard that was given up begins where the call began, whatever an older answer says")
  func lateAnswerAfterOutage() throws {
    var machine = TailMachine(try tailPlan(shardCount: 2) { $0.last = 1 })
    var waiting: TailMachine.Lookup?
    for time in stride(from: 0, through: 5000, by: 50) {
      for (shard, lookup) in machine.actions(now: moment(time)).compactMap(\.lookup) {
        switch lookup {
        case _ where shard == 1 && time < 500:
          machine.answered(1, position: .failure(StreamReadFailure("away")), now: moment(time))
        case _ where shard == 1: waiting = lookup
        case .read:
          machine.answered(0, page: page(batch(1, types: ["A"]), last: 1), now: moment(time))
        default: machine.answered(0, position: .success(Position(1)), now: moment(time))
        }
      }
    }
    #expect(waiting == .lastPosition)
    machine.answered(1, position: .success(Position(100)), now: moment(5100))
    let next = machine.actions(now: moment(5100)).compactMap(\.lookup).filter { $0.shard == 1 }
    guard case .locate? = next.first?.1 else {
      Issue.record("\(next)")
      return
    }
    machine.answered(1, position: .success(Position(90)), now: moment(5200))
    #expect(machine.actions(now: moment(5200)).compactMap(\.lookup).map(\.1) == [.lastPosition])
    machine.answered(1, position: .success(Position(100)), now: moment(5200))
    let reads = machine.actions(now: moment(5200)).compactMap(\.lookup)
    #expect(reads.map(\.1) == [.read(after: Position(89), byteLimit: 32 * 1024)])
  }

  @Test("An owner that answers questions and cannot read its events is given up too")
  func unreadableShard() throws {
    var machine = TailMachine(
      try tailPlan(shardCount: 1) {
        $0.start = .all
        $0.endAtCurrent = true
      })
    var reads = 0
    var end: GRPCStatus?
    for time in stride(from: 0, through: 60_000, by: 50) where end == nil {
      for action in machine.actions(now: moment(time)) {
        if case .finish(let status) = action { end = status }
        switch action.lookup?.1 {
        case .read:
          reads += 1
          machine.answered(0, page: .failure(StreamReadFailure("damaged")), now: moment(time))
        case .some: machine.answered(0, position: .success(Position(5)), now: moment(time))
        case nil: break
        }
      }
    }
    #expect(end?.code == .unavailable)
    #expect(end?.message.contains("damaged") == true)
    #expect((2...40).contains(reads), "\(reads) reads: tries must become rarer")
  }

  @Test("A cursor beyond the end is told of and does not move backwards")
  func cursorBeyondEnd() throws {
    var machine = TailMachine(try tailPlan(shardCount: 1) { $0.cursors = [cursor(0, 9)] })
    begin(&machine, ends: 4)
    let actions = machine.actions(now: moment(1))
    #expect(actions.compactMap(\.noticeText).first?.contains("ends at position 4") == true)
    #expect(actions.contains(.progress([.init(shard: 0, position: Position(9))], caughtUp: true)))
  }
}
