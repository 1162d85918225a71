import CloudstateModel
import EntityRuntime
import ReplicatedData
import Testing

/// Traces of how the function's copy is kept in step (proxy behaviour, sections 9.3, 9.4 and 9.7).
@Suite("A function's copy of a replicated entity")
struct ReplicatedCopyTests {
  @Test("commands are outstanding side by side, and answered in the order of the replies")
  func manyOutstanding() throws {
    var entity = try ReplicatedTrace.active()
    for ticket: UInt64 in 2...4 { entity.command(ticket) }
    entity.expect(["send(2)", "send(3)", "send(4)"])
    for id: Int64 in [4, 2, 3] { entity.reply(id) }
    entity.expect(["tell 4 reply", "tell 2 reply", "tell 3 reply"])
  }

  @Test("a change of the function is made before its caller is answered, and not echoed")
  func ownChange() throws {
    var entity = try ReplicatedTrace.active(.pncounter(change: 5))
    entity.command(2)
    entity.reply(2, .pncounter(change: 3))
    entity.expect(["send(2)", "write(pn 3)"])
    entity.durable(1)
    entity.expect(["tell 2 reply"])
    try entity.changeElsewhere(.pncounter(change: 0))
    entity.expect([], "nothing is new to the function")
  }

  @Test(
    "a change elsewhere reaches an idle function at once, and a busy one when nothing is outstanding"
  )
  func heldBack() throws {
    var entity = try ReplicatedTrace.active(.pncounter(change: 5))
    try entity.changeElsewhere(.pncounter(change: 1))
    entity.expect(["delta(pn 1)"])
    entity.command(2)
    entity.command(3)
    try entity.changeElsewhere(.pncounter(change: 7))
    entity.reply(3, .pncounter(change: -2))
    try entity.changeElsewhere(.pncounter(change: 10))
    entity.expect(["send(2)", "send(3)", "write(pn -2)"])
    entity.reply(2)
    entity.expect(["delta(pn 17)"])
    entity.durable(1)
    entity.expect(["tell 3 reply", "tell 2 reply"])
  }

  @Test("a value that appears after the start is told as the first")
  func firstValue() throws {
    var entity = try ReplicatedTrace.active()
    try entity.changeElsewhere(.pncounter(change: 7))
    entity.expect(["first(pn 7)"])
    try entity.changeElsewhere(.pncounter(change: 1))
    entity.expect(["delta(pn 1)"])
    var creator = try ReplicatedTrace.active()
    creator.command(2)
    creator.reply(2, .pncounter(change: 1))
    try creator.changeElsewhere(.pncounter(change: 7))
    creator.expect(["send(2)", "write(pn 1)", "delta(pn 7)"])
  }

  @Test("queued commands go before what is new elsewhere")
  func busy() throws {
    var limits = ReplicatedEntityMachine.Limits()
    limits.outstandingCommands = 1
    var entity = try ReplicatedTrace.active(.pncounter(change: 5), limits: limits)
    entity.command(2)
    entity.command(3)
    try entity.changeElsewhere(.pncounter(change: 1))
    entity.reply(2)
    entity.expect(["send(2)", "tell 2 reply", "send(3)"])
    entity.reply(3)
    entity.expect(["tell 3 reply", "delta(pn 1)"])
  }

  @Test("a register whose write lost is put back when the command has settled")
  func lostWrite() throws {
    var entity = try ReplicatedTrace.active(.register("old"))
    entity.command(2)
    entity.reply(2, .register("new", .reverse))
    entity.expect(["send(2)", "write(register new)", "delta(register old)"])
  }

  @Test("a register whose write won is not told of it")
  func wonWrite() throws {
    var entity = try ReplicatedTrace.active(.register("old"))
    entity.command(2)
    entity.reply(2, .register("new"))
    entity.expect(["send(2)", "write(register new)"])
  }

  @Test("a vote is counted anew when members come and go, and after the own vote")
  func votes() throws {
    var entity = try ReplicatedTrace.active(.vote(true))
    let members = entity.electorate.members
    let third = try #require(ReplicaID("c/1"))
    entity.membersChanged(to: members.union([third]))
    entity.expect(["delta(vote no 1/3)"])
    entity.membersChanged(to: members.union([third]))
    entity.expect([])
    entity.command(2)
    entity.reply(2, .vote(true))
    entity.membersChanged(to: [entity.electorate.replica])
    entity.expect(["send(2)", "write(vote yes 0/0)", "delta(vote yes 1/1)"])
  }

  @Test("a vote that the function creates is told who else votes")
  func newVote() throws {
    var entity = try ReplicatedTrace.active()
    entity.command(2)
    entity.reply(2, .vote(true))
    entity.expect(["send(2)", "write(vote yes 0/0)", "delta(vote yes 1/2)"])
  }

  @Test("a change elsewhere that cannot be told ends the entity")
  func incompatible() throws {
    var entity = try ReplicatedTrace.active(.pncounter(change: 5))
    entity.command(2, streamed: true)
    entity.reply(2, streamed: true)
    _ = entity.taken()
    entity.copy = .live(ReplicatedValue(.gset))
    try entity.changeElsewhere(.gset(added: [.empty]))
    entity.expect(["report", "tell 2 error entity-terminated", "reset"])
    entity.streamEnded()
    entity.expect(["releaseStream", "closeCopy", "retire"])
  }

  // MARK: Deletion

  @Test("a deletion by the function is made, answered, and final")
  func ownDeletion() throws {
    var limits = ReplicatedEntityMachine.Limits()
    limits.outstandingCommands = 2
    var entity = try ReplicatedTrace.active(.pncounter(change: 5), limits: limits)
    for ticket: UInt64 in 2...4 { entity.command(ticket) }
    entity.replyDeleting(2)
    entity.expect(["send(2)", "send(3)", "write(delete)", "end"], "4 does not go out any more")
    entity.durable(1)
    entity.expect(["tell 4 error entity-deleted", "tell 2 reply"])
    entity.command(5)
    entity.expect(["tell 5 error entity-deleted"])
    entity.reply(3, .pncounter(change: 1))
    entity.expect(["tell 3 reply"], "a late change is dropped, its reply is not")
    entity.streamEnded()
    entity.expect(["releaseStream"])
    entity.expectPassivation()
    entity.expect(["closeCopy", "retire"])
  }

  @Test("what a deleted entity's function leaves unanswered ends with its stream")
  func unansweredDeletion() throws {
    var entity = try ReplicatedTrace.active()
    entity.command(2, streamed: true)
    entity.reply(2, streamed: true)
    entity.command(3, streamed: true)
    entity.command(4)
    entity.replyDeleting(4)
    entity.durable(1)
    _ = entity.taken()
    #expect(entity.machine.oldestRequestAt == nil, "the limit on closing counts now")
    #expect(entity.machine.isClosing)
    entity.closeOverdue()
    entity.streamEnded()
    entity.expect(["reset", "tell 2 end", "tell 3 error entity-deleted", "releaseStream"])
  }

  @Test("a client that leaves a deleted entity is forgotten without a word to the function")
  func leftDeleted() throws {
    var entity = try ReplicatedTrace.active()
    entity.command(2, streamed: true)
    entity.reply(2, streamed: true)
    entity.command(3, streamed: true)
    entity.command(4)
    entity.replyDeleting(4)
    entity.durable(1)
    _ = entity.taken()
    entity.left(3)
    entity.reply(3, streamed: true)
    entity.left(2)
    entity.streamEnded()
    entity.expect(["releaseStream"])
  }

  @Test("a deletion elsewhere is told to an idle function, and to a busy one after its answers")
  func deletionElsewhere() throws {
    var entity = try ReplicatedTrace.active(.pncounter(change: 5))
    entity.command(2)
    entity.deleteElsewhere()
    entity.expect(["send(2)"])
    entity.reply(2)
    entity.expect(["tell 2 reply", "delete", "end"])
    entity.command(3)
    try #require(entity.machine.isClosing)
    entity.streamEnded()
    entity.expect(["tell 3 error entity-deleted", "releaseStream"])
    entity.copy = .deleted
    entity.expectPassivation()
    entity.expect(["closeCopy", "retire"])
  }

  @Test("a change that meets a deletion is dropped, and the function hears of the deletion at once")
  func deletionMeetsChange() throws {
    var limits = ReplicatedEntityMachine.Limits()
    limits.outstandingCommands = 2
    var entity = try ReplicatedTrace.active(.pncounter(change: 5), limits: limits)
    for ticket: UInt64 in 2...4 { entity.command(ticket) }
    entity.deleteElsewhere()
    entity.reply(2, .pncounter(change: 1))
    entity.expect([
      "send(2)", "send(3)", "write(pn 1)", "delete", "end", "tell 4 error entity-deleted",
      "tell 2 reply",
    ])
    #expect(entity.copy == .deleted)
    entity.reply(3, .pncounter(change: 1))
    entity.expect(["tell 3 reply"])
  }

  @Test("a deletion is confirmed like any change")
  func confirmedDeletion() throws {
    var entity = try ReplicatedTrace.active()
    entity.command(2)
    entity.replyDeleting(2, .majority)
    entity.durable(1)
    entity.expect(["send(2)", "write(delete)", "end"])
    entity.unconfirmed(1)
    entity.expect(["report", "tell 2 error consistency-not-reached"])
  }
}
