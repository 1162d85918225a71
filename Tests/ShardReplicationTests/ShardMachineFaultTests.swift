import CloudstateModel
import ShardStore
import Testing

@testable import ShardReplication

// Copies that have lost something, disks that fail, and what a process knew that has ended.
extension ShardMachineTests {
  private var isServing: (ShardAction) -> Bool {
    { if case .serve = $0 { true } else { false } }
  }

  @Test("A primary whose copy is empty serves nothing before it has what an in-sync copy has")
  func emptiedPrimary() {
    var machine = machine(a)
    var actions: [ShardAction] = []
    machine.assigned(
      assignment(a, [b, c], inSync: [b, c], epoch: 2), move: nil, now: 0, into: &actions)
    machine.opened(
      .success(end(0, epoch: 0)), epoch: Epoch(2), promisedUntil: 0, now: 0, into: &actions)
    let (toB, toC) = (sends(actions, to: b)[0], sends(actions, to: c)[0])
    machine.tick(now: 1, into: &actions)
    #expect(machine.phase == .joining)
    for (node, send) in [(b, toB), (c, toC)] {
      machine.answered(
        CopyAnswer(tag: send.tag, outcome: .mismatch(end(8, epoch: 1))), by: node, now: 2,
        into: &actions)
    }
    machine.tick(now: 3, into: &actions)
    #expect(machine.phase == .joining && !actions.contains(where: isServing))
    // One page of what there is; the other copy is longer than this still.
    actions = []
    machine.fetched(.success(end(4, epoch: 1)), from: b, now: 4, into: &actions)
    machine.tick(now: 5, into: &actions)
    #expect(machine.phase == .joining && !actions.contains(where: isServing))
    // And it is nobody's place to say that they lag, or to make them anew.
    #expect(machine.report(now: 5)?.lagging == [])
    #expect(!actions.contains { if case .send(let send) = $0 { send.startsOver } else { false } })
  }

  /// An empty primary under epoch 2 that has just asked b, a learner, where it ends.
  private func emptyWithLearner() -> (ShardMachine, ask: CopySend) {
    var machine = serving([])
    var actions: [ShardAction] = []
    machine.assigned(assignment(a, [b], epoch: 2), move: nil, now: 0, into: &actions)
    machine.opened(
      .success(end(0, epoch: 0)), epoch: Epoch(2), promisedUntil: 0, now: 0, into: &actions)
    return (machine, sends(actions, to: b)[0])
  }

  @Test("An empty primary makes no copy anew that holds something")
  func emptyPrimarySparesLearner() {
    let (made, ask) = emptyWithLearner()
    var machine = made
    var actions: [ShardAction] = []
    machine.answered(
      CopyAnswer(tag: ask.tag, outcome: .mismatch(end(6, epoch: 1))), by: b, now: 1,
      into: &actions)
    machine.tick(now: 20 * second, into: &actions)
    #expect(sends(actions, to: b).allSatisfy { !$0.startsOver })
  }

  @Test("A new process waits for the plan's in-sync copies only, whatever the last one had offered")
  func offersEnd() {
    // The last process had offered b under epoch 2, and this one is told the same plan.
    var machine = machine(a)
    var actions: [ShardAction] = []
    machine.assigned(
      assignment(a, [b, c], inSync: [c], epoch: 2), move: nil, now: 0, into: &actions)
    machine.opened(
      .success(end(3, epoch: 2)), epoch: Epoch(2), promisedUntil: 0, now: 0, into: &actions)
    #expect(machine.report(now: 0)?.caughtUp == [])
    let ask = sends(actions, to: c)[0]
    machine.answered(
      CopyAnswer(tag: ask.tag, outcome: .appended(Position(3))), by: c, now: 1, into: &actions)
    #expect(machine.phase == .serving)
    // b is offered again only when it has answered this process.
    machine.tick(now: 2, into: &actions)
    #expect(machine.report(now: 2)?.caughtUp == [])
  }

  @Test("Offers end with the assignment under which they were made")
  func offersOfLastPlan() {
    var actions: [ShardAction] = []
    let (made, ask) = emptyWithLearner()
    var machine = made
    machine.answered(
      CopyAnswer(tag: ask.tag, outcome: .appended(.start)), by: b, now: 1, into: &actions)
    #expect(machine.report(now: 1)?.caughtUp == [b])
    machine.assigned(assignment(a, [b], epoch: 3), move: nil, now: 2, into: &actions)
    machine.tick(now: 3, into: &actions)
    #expect(machine.report(now: 3)?.caughtUp == [])
  }

  @Test("A disk that fails hands the shard over where a copy is in-sync, and not where none is")
  func failedDisk() {
    var machine = serving([b])
    var actions: [ShardAction] = []
    machine.foundDamage("no space left on device", into: &actions)
    #expect(machine.phase == .failed)
    #expect(machine.report(now: 1)?.unusable == "no space left on device")
    #expect(actions.contains(.close))
    #expect(actions.contains { if case .failUnconfirmed = $0 { true } else { false } })
    // The plan that names another primary has this copy made anew.
    actions = []
    machine.assigned(assignment(b, [a], epoch: 2), move: nil, now: 2, into: &actions)
    #expect(machine.phase == .copy)
    #expect(actions.contains(.drop(Epoch(2), mayBeEmpty: false)))

    var alone = serving([])
    actions = []
    alone.foundDamage("no space left on device", into: &actions)
    #expect(alone.phase == .serving && actions.isEmpty)
  }

  @Test("A damaged learner is made anew; one of the in-sync set is reported and left as it is")
  func damagedReplica() {
    for isInSync in [false, true] {
      var machine = serving(isInSync ? [b] : [])
      var actions: [ShardAction] = []
      if !isInSync {
        machine.assigned(assignment(a, [b], epoch: 2), move: nil, now: 0, into: &actions)
      }
      machine.opened(
        .success(end(0, epoch: 0)), epoch: machine.epoch, promisedUntil: 0, now: 0, into: &actions)
      machine.committed([delta(1, epoch: machine.epoch.number)], now: 1, into: &actions)
      machine.tick(now: second / 2, into: &actions)
      let send = sends(actions, to: b)[0]
      actions = []
      machine.answered(
        CopyAnswer(tag: send.tag, outcome: .damaged("event 1")), by: b, now: second / 2,
        into: &actions)
      // Not at once, lest a copy that stays damaged is made anew without a pause.
      #expect(sends(actions, to: b).isEmpty)
      machine.tick(now: second, into: &actions)
      #expect(sends(actions, to: b).contains { $0.startsOver } == !isInSync)
      #expect(machine.report(now: second)?.lagging == (isInSync ? [b] : []))
    }
  }
}
