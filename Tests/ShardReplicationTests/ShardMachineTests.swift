import CloudstateModel
import ShardStore
import Testing

@testable import ShardReplication

/// The decisions of one shard on one node, step by step.
struct ShardMachineTests {
  let a: NodeID
  let b: NodeID
  let c: NodeID
  let shard: ShardID
  let second: Uptime = 1_000_000_000

  init() throws {
    a = try #require(NodeID("a"))
    b = try #require(NodeID("b"))
    c = try #require(NodeID("c"))
    shard = ShardID(service: try #require(ServiceName("cart")), index: 3)
  }

  func machine(_ node: NodeID) -> ShardMachine {
    ShardMachine(shard: shard, nodeID: node, settings: ShardReplicationSettings())
  }

  func assignment(
    _ primary: NodeID, _ replicas: [NodeID] = [], inSync: [NodeID] = [], epoch: UInt64
  ) -> ShardAssignment {
    ShardAssignment(
      shard: shard, primary: primary, replicas: replicas, inSync: inSync, epoch: Epoch(epoch))
  }

  func end(_ position: UInt64, epoch: UInt64) -> ShardEnd {
    ShardEnd(
      position: Position(position), epoch: Epoch(epoch), time: Timestamp(unixMilliseconds: 0))
  }

  func delta(_ position: UInt64, epoch: UInt64) -> SealedDelta {
    SealedDelta(
      position: Position(position), epoch: Epoch(epoch), bytes: [UInt8](repeating: 1, count: 10))
  }

  func sends(_ actions: [ShardAction], to node: NodeID) -> [CopySend] {
    actions.compactMap { if case .send(let send) = $0, send.node == node { send } else { nil } }
  }

  /// A new primary that ends at 5, and what it has asked of its learner `a` and its in-sync copy `c`.
  func joining() -> (ShardMachine, [ShardAction]) {
    var machine = machine(b)
    var actions: [ShardAction] = []
    machine.assigned(
      assignment(b, [a, c], inSync: [c], epoch: 2), move: nil, now: 0, into: &actions)
    machine.opened(
      .success(end(5, epoch: 1)), epoch: Epoch(2), promisedUntil: 0, now: 0, into: &actions)
    return (machine, actions)
  }

  /// A primary that serves, with `copies` in-sync and nothing written.
  func serving(
    _ copies: [NodeID], epoch: UInt64 = 1, at now: Uptime = 0
  ) -> ShardMachine {
    var machine = machine(a)
    var actions: [ShardAction] = []
    machine.assigned(
      assignment(a, copies, inSync: copies, epoch: epoch), move: nil, now: now, into: &actions)
    machine.opened(
      .success(end(0, epoch: 0)), epoch: Epoch(epoch), promisedUntil: 0, now: now, into: &actions)
    for copy in copies {
      for send in sends(actions, to: copy) {
        machine.answered(
          CopyAnswer(tag: send.tag, outcome: .appended(send.after)), by: copy, now: now,
          into: &actions)
      }
    }
    #expect(machine.phase == .serving)
    return machine
  }

  @Test("A shard without copies is served as soon as it is open, and needs no lease")
  func withoutCopies() {
    var machine = machine(a)
    var actions: [ShardAction] = []
    machine.assigned(assignment(a, epoch: 1), move: nil, now: 0, into: &actions)
    #expect(actions == [.open(Epoch(1), isReplicated: false)])
    actions = []
    machine.opened(
      .success(end(7, epoch: 1)), epoch: Epoch(1), promisedUntil: 0, now: 0, into: &actions)
    #expect(actions == [.confirm(Position(7)), .serve(Epoch(1), leaseEnd: .max)])
  }

  @Test("Nothing is confirmed before every in-sync copy has it")
  func confirms() {
    var machine = serving([b, c])
    var actions: [ShardAction] = []
    machine.committed([delta(1, epoch: 1)], now: 1, into: &actions)
    let (toB, toC) = (sends(actions, to: b), sends(actions, to: c))
    #expect(toB.count == 1 && toC.count == 1)
    #expect(!actions.contains(.confirm(Position(1))))
    actions = []
    machine.answered(
      CopyAnswer(tag: toB[0].tag, outcome: .appended(Position(1))), by: b, now: 2, into: &actions)
    #expect(!actions.contains(.confirm(Position(1))))
    machine.answered(
      CopyAnswer(tag: toC[0].tag, outcome: .appended(Position(1))), by: c, now: 3, into: &actions)
    #expect(actions.contains(.confirm(Position(1))))
  }

  @Test("A new primary serves when the lease it granted is over, not before")
  func waitsForLease() {
    var machine = machine(b)
    var actions: [ShardAction] = []
    machine.assigned(assignment(a, [b], inSync: [b], epoch: 1), move: nil, now: 0, into: &actions)
    #expect(machine.phase == .copy)
    machine.assigned(assignment(b, [a], epoch: 2), move: nil, now: 10, into: &actions)
    machine.opened(
      .success(end(5, epoch: 1)), epoch: Epoch(2), promisedUntil: second, now: 20, into: &actions)
    machine.tick(now: second - 1, into: &actions)
    #expect(machine.phase == .joining)
    machine.tick(now: second, into: &actions)
    #expect(machine.phase == .serving)
    #expect(machine.confirmed == Position(5))
  }

  @Test(
    "A primary that hears of a higher epoch confirms nothing more, and gives up when no plan comes")
  func isDeposed() {
    var machine = serving([b])
    var actions: [ShardAction] = []
    machine.committed([delta(1, epoch: 1)], now: 1, into: &actions)
    let send = sends(actions, to: b)[0]
    actions = []
    machine.answered(
      CopyAnswer(tag: send.tag, outcome: .higherEpoch(Epoch(4))), by: b, now: 2, into: &actions)
    #expect(machine.report(now: 2)?.seenEpoch == Epoch(4))
    machine.tick(now: second / 2, into: &actions)
    #expect(machine.phase == .serving)
    #expect(!actions.contains { if case .giveUp = $0 { true } else { false } })
    machine.tick(now: 2 + second, into: &actions)
    #expect(machine.phase == .deposed)
    #expect(machine.report(now: 2 + second)?.seenEpoch == Epoch(4))
    #expect(!actions.contains { if case .confirm = $0 { true } else { false } })
    #expect(actions.contains { if case .giveUp = $0 { true } else { false } })
    // The same assignment under a higher epoch makes it primary again, by way of opening.
    actions = []
    machine.assigned(
      assignment(a, [b], inSync: [b], epoch: 5), move: nil, now: 2 * second, into: &actions)
    #expect(machine.phase == .opening)
  }

  @Test("A store that opens late confirms nothing for a primary that has given up meanwhile")
  func opensAfterItWasDeposed() {
    var machine = serving([b])
    var actions: [ShardAction] = []
    machine.assigned(assignment(a, [b], inSync: [b], epoch: 2), move: nil, now: 1, into: &actions)
    machine.committed([delta(1, epoch: 1)], now: 2, into: &actions)
    let send = sends(actions, to: b)[0]
    machine.answered(
      CopyAnswer(tag: send.tag, outcome: .higherEpoch(Epoch(3))), by: b, now: 3, into: &actions)
    machine.tick(now: 3 + second, into: &actions)
    #expect(machine.phase == .deposed)
    actions = []
    machine.opened(
      .success(end(1, epoch: 1)), epoch: Epoch(2), promisedUntil: 0, now: 4 + second,
      into: &actions)
    #expect(actions == [])
    #expect(machine.phase == .deposed)
  }

  @Test("A copy that hears of the next plan before its primary does not end what runs")
  func isOvertakenByItsOwnPlan() {
    var machine = serving([b])
    var actions: [ShardAction] = []
    machine.committed([delta(1, epoch: 1)], now: 1, into: &actions)
    let send = sends(actions, to: b)[0]
    machine.answered(
      CopyAnswer(tag: send.tag, outcome: .higherEpoch(Epoch(2))), by: b, now: 2, into: &actions)
    actions = []
    machine.assigned(assignment(a, [], epoch: 2), move: nil, now: 3, into: &actions)
    #expect(machine.phase == .serving)
    #expect(machine.confirmed == Position(1))
    machine.tick(now: 3 * second, into: &actions)
    #expect(!actions.contains { if case .giveUp = $0 { true } else { false } })
    #expect(machine.report(now: 3 * second)?.seenEpoch == Epoch.none)
  }

  @Test("A learner is offered only when it has everything that was acknowledged without it")
  func offersLearner() {
    var machine = serving([])
    var actions: [ShardAction] = []
    machine.assigned(assignment(a, [b], epoch: 2), move: nil, now: 5, into: &actions)
    #expect(actions.contains(.open(Epoch(2), isReplicated: true)))
    #expect(machine.phase == .serving)
    // Nothing is sent before it is known where this copy ends.
    #expect(sends(actions, to: b).isEmpty)
    actions = []
    machine.opened(
      .success(end(9, epoch: 1)), epoch: Epoch(2), promisedUntil: 0, now: 6, into: &actions)
    #expect(machine.confirmed == Position(9))
    let ask = sends(actions, to: b)[0]
    #expect(ask.after == Position(9))
    actions = []
    machine.answered(
      CopyAnswer(tag: ask.tag, outcome: .mismatch(.empty)), by: b, now: 7, into: &actions)
    #expect(actions.contains(.compare(b, at: .empty)))
    actions = []
    machine.compared(.success(Epoch.none), at: .empty, of: b, now: 8, into: &actions)
    #expect(actions.contains(.read(for: b, after: .start)))
    // It is close enough to be waited for, and has not got what was acknowledged.
    #expect(machine.report(now: 8)?.caughtUp == [])
    actions = []
    machine.read(
      .success((1...9).map { delta($0, epoch: 1) }), for: b, now: 9, into: &actions)
    let copy = sends(actions, to: b)[0]
    #expect(copy.after == .start && copy.deltas.count == 9)
    machine.answered(
      CopyAnswer(tag: copy.tag, outcome: .appended(Position(9))), by: b, now: 10, into: &actions)
    #expect(machine.report(now: 10)?.caughtUp == [b])
    #expect(
      machine.report(now: 10)?.copied[b]
        == ShardReport.CopyGrowth(position: Position(9), bytes: 90))
  }

  @Test("No learner is offered before its epoch is on the primary's own disk")
  func offersAfterOpening() {
    var machine = serving([c])
    var actions: [ShardAction] = []
    machine.assigned(
      assignment(a, [b, c], inSync: [c], epoch: 2), move: nil, now: 5, into: &actions)
    machine.tick(now: 6, into: &actions)
    let ask = sends(actions, to: b)[0]
    machine.answered(
      CopyAnswer(tag: ask.tag, outcome: .appended(.start)), by: b, now: 7, into: &actions)
    machine.tick(now: 8, into: &actions)
    #expect(machine.report(now: 8)?.caughtUp == [])
    machine.opened(
      .success(end(0, epoch: 0)), epoch: Epoch(2), promisedUntil: 0, now: 9, into: &actions)
    #expect(machine.report(now: 9)?.caughtUp == [b])
  }

  @Test(
    "A primary that needed no lease needs one as soon as it waits for a replica that could take over"
  )
  func leaseOfOffered() {
    var machine = serving([])
    var actions: [ShardAction] = []
    machine.assigned(assignment(a, [b], epoch: 2), move: nil, now: 5, into: &actions)
    #expect(actions.contains(.serve(Epoch(2), leaseEnd: .max)))
    machine.opened(
      .success(end(0, epoch: 0)), epoch: Epoch(2), promisedUntil: 0, now: 6, into: &actions)
    let ask = sends(actions, to: b)[0]
    actions = []
    machine.answered(
      CopyAnswer(tag: ask.tag, outcome: .appended(.start)), by: b, now: 8, into: &actions)
    #expect(machine.report(now: 8)?.caughtUp == [b])
    #expect(actions.contains(.extendLease(6 + second)))
  }

  @Test("A shard that rested is served when the store has settled what it still held of before")
  func settlesAfterStall() {
    var machine = serving([b])
    var actions: [ShardAction] = []
    machine.committed([delta(1, epoch: 1)], now: 1, into: &actions)
    let late = sends(actions, to: b)[0]
    actions = []
    machine.tick(now: 11 * second, into: &actions)
    #expect(machine.phase == .stalled)
    #expect(actions.contains(.open(Epoch(1), isReplicated: true)))
    machine.answered(
      CopyAnswer(tag: late.tag, outcome: .appended(Position(1))), by: b, now: 11 * second,
      into: &actions)
    machine.tick(now: 11 * second, into: &actions)
    for send in sends(actions, to: b) {
      machine.answered(
        CopyAnswer(tag: send.tag, outcome: .appended(Position(1))), by: b, now: 11 * second,
        into: &actions)
    }
    #expect(machine.phase == .stalled)
    actions = []
    machine.opened(
      .success(end(1, epoch: 1)), epoch: Epoch(1), promisedUntil: 0, now: 11 * second,
      into: &actions)
    #expect(machine.phase == .serving)
  }

  @Test(
    "A copy of another history is made anew as a learner, and never while the plan relies on it")
  func startsOver() {
    var learner = serving([])
    var actions: [ShardAction] = []
    learner.assigned(assignment(a, [b], epoch: 2), move: nil, now: 0, into: &actions)
    learner.opened(
      .success(end(4, epoch: 1)), epoch: Epoch(2), promisedUntil: 0, now: 0, into: &actions)
    let ask = sends(actions, to: b)[0]
    actions = []
    learner.answered(
      CopyAnswer(tag: ask.tag, outcome: .mismatch(end(6, epoch: 1))), by: b, now: 1,
      into: &actions)
    #expect(sends(actions, to: b).first?.startsOver == true)

    var relied = serving([b])
    actions = []
    relied.committed([delta(1, epoch: 1)], now: 1, into: &actions)
    let send = sends(actions, to: b)[0]
    actions = []
    relied.answered(
      CopyAnswer(tag: send.tag, outcome: .mismatch(end(6, epoch: 1))), by: b, now: 2,
      into: &actions)
    #expect(sends(actions, to: b).allSatisfy { !$0.startsOver })
    #expect(relied.report(now: 3)?.lagging == [b])
  }

  @Test(
    "A learner that is waited for may stay behind what was confirmed before, and lose appends on the way"
  )
  func learnerBehind() {
    var machine = serving([])
    var actions: [ShardAction] = []
    machine.assigned(assignment(a, [b], epoch: 2), move: nil, now: 5, into: &actions)
    machine.opened(
      .success(end(9, epoch: 1)), epoch: Epoch(2), promisedUntil: 0, now: 6, into: &actions)
    func answer(_ send: CopySend, _ outcome: CopyAnswer.Outcome) {
      actions = []
      machine.answered(
        CopyAnswer(tag: send.tag, outcome: outcome), by: b, now: 7, into: &actions)
    }
    answer(sends(actions, to: b)[0], .mismatch(.empty))
    machine.compared(.success(Epoch.none), at: .empty, of: b, now: 8, into: &actions)
    actions = []
    machine.read(.success((1...4).map { delta($0, epoch: 1) }), for: b, now: 9, into: &actions)
    answer(sends(actions, to: b)[0], .appended(Position(4)))
    machine.read(.success((5...9).map { delta($0, epoch: 1) }), for: b, now: 9, into: &actions)
    machine.tick(now: 9, into: &actions)
    #expect(machine.pending == [b])
    // What came to it did not follow its end, which is where it was known to be.
    answer(sends(actions, to: b)[0], .mismatch(end(4, epoch: 1)))
    #expect(actions.contains(.compare(b, at: end(4, epoch: 1))))
    #expect(machine.report(now: 10)?.lagging == [])
  }

  @Test("An in-sync copy that has lost what was confirmed is unfit, once it has said so when asked")
  func hasLost() {
    var machine = serving([b])
    var actions: [ShardAction] = []
    machine.committed([delta(1, epoch: 1), delta(2, epoch: 1)], now: 1, into: &actions)
    let send = sends(actions, to: b)[0]
    machine.answered(
      CopyAnswer(tag: send.tag, outcome: .appended(Position(2))), by: b, now: 2, into: &actions)
    #expect(machine.confirmed == Position(2))
    actions = []
    machine.tick(now: second / 2, into: &actions)
    let sign = sends(actions, to: b)[0]
    actions = []
    machine.answered(
      CopyAnswer(tag: sign.tag, outcome: .mismatch(end(1, epoch: 1))), by: b, now: second / 2,
      into: &actions)
    #expect(machine.report(now: second / 2)?.lagging == [])
    let question = sends(actions, to: b)[0]
    actions = []
    machine.answered(
      CopyAnswer(tag: question.tag, outcome: .mismatch(end(1, epoch: 1))), by: b,
      now: second / 2, into: &actions)
    #expect(machine.report(now: second / 2)?.lagging == [b])
  }

  @Test("A new primary takes over what an in-sync copy has and it lacks, before it serves")
  func fetches() {
    var (machine, actions) = joining()
    let ask = sends(actions, to: c)[0]
    actions = []
    machine.answered(
      CopyAnswer(tag: ask.tag, outcome: .mismatch(end(8, epoch: 1))), by: c, now: 1,
      into: &actions)
    #expect(
      actions.contains(.fetch(c, after: Position(5), afterEpoch: Epoch(1), epoch: Epoch(2))))
    #expect(machine.phase == .joining)
    actions = []
    machine.fetched(.success(end(8, epoch: 1)), from: c, now: 2, into: &actions)
    let again = sends(actions, to: c)[0]
    machine.answered(
      CopyAnswer(tag: again.tag, outcome: .appended(Position(8))), by: c, now: 3, into: &actions)
    #expect(machine.phase == .serving)
    #expect(machine.confirmed == Position(8))
  }

  @Test("A new primary makes the old one's copy anew when the lease it granted is over, not before")
  func startsOverAfterLease() {
    var machine = machine(b)
    var actions: [ShardAction] = []
    machine.assigned(assignment(b, [a], epoch: 2), move: nil, now: 0, into: &actions)
    machine.opened(
      .success(end(5, epoch: 1)), epoch: Epoch(2), promisedUntil: second, now: 0, into: &actions)
    // It has a batch that nobody has acknowledged, may not have heard of the plan, and answers reads.
    machine.answered(
      CopyAnswer(tag: sends(actions, to: a)[0].tag, outcome: .mismatch(end(6, epoch: 1))), by: a,
      now: 1, into: &actions)
    for now in [1, second / 2, second - 1] { machine.tick(now: now, into: &actions) }
    #expect(!sends(actions, to: a).contains { $0.startsOver })
    machine.tick(now: second, into: &actions)
    machine.tick(now: second + second / 10, into: &actions)
    #expect(sends(actions, to: a).contains { $0.startsOver })
  }

  @Test("A plan that comes while batches are fetched does not make them forgotten")
  func fetchesUnderTwoPlans() {
    var (machine, actions) = joining()
    machine.answered(
      CopyAnswer(tag: sends(actions, to: c)[0].tag, outcome: .mismatch(end(8, epoch: 1))), by: c,
      now: 1, into: &actions)
    machine.assigned(assignment(b, [a], epoch: 3), move: nil, now: 2, into: &actions)
    machine.fetched(.success(end(8, epoch: 1)), from: c, now: 3, into: &actions)
    machine.opened(
      .success(end(8, epoch: 1)), epoch: Epoch(3), promisedUntil: 0, now: 4, into: &actions)
    #expect(machine.phase == .serving)
    #expect(machine.confirmed == Position(8))
    // A learner that has the same is left as it is.
    actions = []
    machine.tick(now: 5, into: &actions)
    machine.tick(now: second, into: &actions)
    #expect(!sends(actions, to: a).contains { $0.startsOver })
  }

  @Test("A planned move comes to rest: hand over, everything at the target, its lease released")
  func fences() {
    var machine = serving([b])
    let move = ShardMove(shard: shard, source: a, target: b, bytes: 0, phase: .fenced)
    var actions: [ShardAction] = []
    machine.committed([delta(1, epoch: 1)], now: 1, into: &actions)
    let last = sends(actions, to: b)[0]
    actions = []
    machine.assigned(
      assignment(a, [b], inSync: [b], epoch: 1), move: move, now: 2, into: &actions)
    #expect(actions == [.handOver])
    actions = []
    machine.handedOver(now: 3, into: &actions)
    let release = sends(actions, to: b)[0]
    #expect(release.releasesLease)
    machine.answered(
      CopyAnswer(tag: last.tag, outcome: .appended(Position(1))), by: b, now: 4, into: &actions)
    #expect(machine.phase == .fencing)
    machine.answered(
      CopyAnswer(tag: release.tag, outcome: .appended(Position(1))), by: b, now: 5, into: &actions)
    #expect(machine.phase == .fenced)
    #expect(machine.report(now: 5)?.isFenced == true)
  }

  @Test("A fence that cannot be closed in time opens again, and asks for a new lease")
  func fenceFails() {
    var machine = serving([b])
    let move = ShardMove(shard: shard, source: a, target: b, bytes: 0, phase: .fenced)
    var actions: [ShardAction] = []
    machine.assigned(
      assignment(a, [b], inSync: [b], epoch: 1), move: move, now: 2, into: &actions)
    machine.tick(now: 3 * second, into: &actions)
    #expect(machine.phase == .serving)
    #expect(machine.report(now: 3 * second)?.fenceFailed == true)
    // The same plan does not fence it again.
    machine.assigned(
      assignment(a, [b], inSync: [b], epoch: 1), move: move, now: 3 * second, into: &actions)
    #expect(machine.phase == .serving)
  }

  @Test(
    "A fence that ends without a new primary asks the target for another lease before it counts on one",
    arguments: ["the move ends", "a new assignment", "the target left"])
  func leaseAfterFence(end: String) {
    var machine = serving([b, c])
    let move = ShardMove(shard: shard, source: a, target: b, bytes: 0, phase: .fenced)
    let plan = assignment(a, [b, c], inSync: [b, c], epoch: 1)
    var actions: [ShardAction] = []
    machine.assigned(plan, move: move, now: 2, into: &actions)
    machine.handedOver(now: 3, into: &actions)
    let release = sends(actions, to: b)[0]
    #expect(release.releasesLease)
    actions = []
    switch end {
    case "the move ends": machine.assigned(plan, move: nil, now: 4, into: &actions)
    case "a new assignment":
      let next = assignment(a, [b, c], inSync: [b, c], epoch: 2)
      machine.assigned(next, move: move, now: 4, into: &actions)
      machine.assigned(next, move: nil, now: 4, into: &actions)
    default:
      let next = assignment(a, [b, c], inSync: [b, c], epoch: 2)
      machine.assigned(next, move: nil, now: 4, into: &actions)
    }
    #expect(machine.phase == .serving)
    // What b promised before, it may have forgotten.
    #expect(
      actions.last { if case .serve = $0 { true } else { false } }
        == .serve(machine.epoch, leaseEnd: 0))
    machine.answered(
      CopyAnswer(tag: release.tag, outcome: .appended(.start)), by: b, now: 5, into: &actions)
    machine.tick(now: 6, into: &actions)
    for node in [b, c] {
      for send in sends(actions, to: node) {
        #expect(!send.releasesLease)
        machine.answered(
          CopyAnswer(tag: send.tag, outcome: .appended(.start)), by: node, now: 7, into: &actions)
      }
    }
    #expect(actions.contains { if case .extendLease = $0 { true } else { false } })
  }

  @Test("A copy that is waited for in vain is reported, and writes fail after a while")
  func lags() {
    var machine = serving([b])
    var actions: [ShardAction] = []
    machine.committed([delta(1, epoch: 1)], now: 1, into: &actions)
    machine.tick(now: 2 * second, into: &actions)
    #expect(machine.report(now: 2 * second)?.lagging == [b])
    actions = []
    machine.tick(now: 11 * second, into: &actions)
    #expect(machine.phase == .stalled)
    #expect(actions.contains { if case .failUnconfirmed = $0 { true } else { false } })
    // A plan without the copy lets the shard go on; what was written meanwhile counts.
    actions = []
    machine.assigned(assignment(a, [b], epoch: 2), move: nil, now: 12 * second, into: &actions)
    machine.opened(
      .success(end(1, epoch: 1)), epoch: Epoch(2), promisedUntil: 0, now: 12 * second,
      into: &actions)
    #expect(machine.phase == .serving)
    #expect(machine.confirmed == Position(1))
  }

  @Test("A lease ends with the oldest confirmation of those who could take over")
  func leases() {
    var machine = serving([b, c])
    var actions: [ShardAction] = []
    machine.tick(now: second / 2, into: &actions)
    let (toB, toC) = (sends(actions, to: b)[0], sends(actions, to: c)[0])
    actions = []
    machine.answered(
      CopyAnswer(tag: toB.tag, outcome: .appended(.start)), by: b, now: second, into: &actions)
    #expect(!actions.contains { if case .extendLease = $0 { true } else { false } })
    machine.answered(
      CopyAnswer(tag: toC.tag, outcome: .appended(.start)), by: c, now: second, into: &actions)
    #expect(actions.contains(.extendLease(second / 2 + second)))
  }

  @Test(
    "Whoever has nothing of a shard by the plan drops its copy; the primary by an older plan gives up first"
  )
  func drops() {
    var machine = serving([b])
    var actions: [ShardAction] = []
    machine.assigned(assignment(b, [], epoch: 3), move: nil, now: 1, into: &actions)
    #expect(machine.phase == .idle)
    #expect(actions.last == .drop(Epoch(3), mayBeEmpty: false))
    #expect(actions.contains(.close))
    // Older plans change nothing.
    actions = []
    machine.assigned(assignment(a, [b], epoch: 2), move: nil, now: 2, into: &actions)
    #expect(actions.isEmpty && machine.phase == .idle)
    // Newer ones that leave it with nothing find nothing.
    machine.assigned(assignment(b, [c], epoch: 4), move: nil, now: 3, into: &actions)
    #expect(actions.isEmpty && machine.phase == .idle)
    // One that did not come here may have made it a replica.
    machine.assigned(assignment(b, [c], epoch: 6), move: nil, now: 4, into: &actions)
    #expect(actions == [.drop(Epoch(6), mayBeEmpty: true)])
  }

  @Test("After a start, what an earlier run has left is dropped where the plan wants nothing")
  func dropsLeftovers() {
    var machine = ShardMachine(shard: shard, nodeID: a, settings: ShardReplicationSettings())
    var actions: [ShardAction] = []
    machine.assigned(assignment(b, [], epoch: 3), move: nil, now: 1, into: &actions)
    #expect(actions == [.drop(Epoch(3), mayBeEmpty: true)])
  }
}
