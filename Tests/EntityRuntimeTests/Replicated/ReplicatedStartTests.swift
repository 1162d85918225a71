import CloudstateModel
import EntityRuntime
import ReplicatedData
import Testing

/// Traces of a replicated entity's life: its beginning, its ends, and the bounds (proxy behaviour, section 9).
@Suite("The life of a replicated entity")
struct ReplicatedStartTests {
  @Test("the first command opens the copy, then a stream, and reaches a function without a value")
  func withoutValue() throws {
    var entity = try ReplicatedTrace()
    entity.command(1)
    entity.expect(["openCopy"])
    entity.command(2)
    entity.opened()
    entity.expect(["requestStream"])
    entity.granted()
    entity.expect(["openStream", "init(-)", "send(1)", "send(2)"])
    entity.reply(2)
    entity.reply(1)
    entity.expect(["tell 2 reply", "tell 1 reply"])
  }

  @Test("a function starts with the whole value")
  func withValue() throws {
    var entity = try ReplicatedTrace()
    entity.command(1)
    entity.opened()
    _ = entity.taken()
    try entity.changeElsewhere(.pncounter(change: 5))
    entity.granted()
    entity.expect(["openStream", "init(pn 5)", "send(1)"])
  }

  @Test("a deleted entity answers everyone and never opens a stream")
  func deletedBefore() throws {
    var entity = try ReplicatedTrace()
    entity.copy = .deleted
    entity.command(1)
    entity.command(2, streamed: true)
    entity.opened()
    entity.expect(["openCopy", "tell 1 error entity-deleted", "tell 2 error entity-deleted"])
    entity.command(3, streamed: true)
    entity.expect(["tell 3 error entity-deleted"])
    #expect(entity.errors == Array(repeating: "Entity deleted", count: 3))
    entity.expectPassivation()
    entity.expect(["closeCopy", "retire"])
  }

  @Test("a function never hears of an entity that was deleted while it waited for a stream")
  func deletedMeanwhile() throws {
    var entity = try ReplicatedTrace()
    entity.command(1)
    entity.opened()
    entity.deleteElsewhere()
    _ = entity.taken()
    entity.granted()
    entity.expect(["openStream", "reset", "tell 1 error entity-deleted"])
    entity.streamEnded()
    entity.expect(["releaseStream"])
    entity.expectPassivation()
    entity.expect(["closeCopy", "retire"])
  }

  @Test("without a copy or a stream the commands fail, and the entity is forgotten")
  func noStart() throws {
    var damaged = try ReplicatedTrace()
    damaged.command(1)
    damaged.notOpened()
    damaged.expect(["openCopy", "tell 1 error recovery-failed", "retire"])
    var crowded = try ReplicatedTrace()
    crowded.command(1)
    crowded.opened()
    crowded.denied()
    crowded.expect([
      "openCopy", "requestStream", "tell 1 error overloaded", "closeCopy", "retire",
    ])
  }

  @Test("a caller that leaves before the start leaves nothing behind")
  func leftAtStart() throws {
    var entity = try ReplicatedTrace()
    entity.command(1, streamed: true)
    entity.left(1)
    entity.opened()
    entity.expect(["openCopy", "closeCopy", "retire"])
    var waiting = try ReplicatedTrace()
    waiting.command(1, streamed: true)
    waiting.opened()
    waiting.left(1)
    waiting.granted()
    waiting.expect(["openCopy", "requestStream", "openStream", "init(-)"])
    waiting.expectPassivation()
  }

  @Test("a stream that is granted when nobody wants it any more is given back")
  func lateGrant() throws {
    var entity = try ReplicatedTrace.active()
    entity.granted()
    entity.expect(["declineStream"])
  }

  // MARK: Passivation

  @Test("an idle entity is put away, and what comes meanwhile starts it again from the copy")
  func passivation() throws {
    var entity = try ReplicatedTrace.active(.pncounter(change: 1))
    #expect(entity.machine.isIdle)
    entity.expectPassivation()
    entity.expect(["end"])
    #expect(entity.machine.isClosing)
    entity.command(2)
    try entity.changeElsewhere(.pncounter(change: 1))
    entity.expect([])
    entity.streamEnded()
    entity.expect(["releaseStream", "requestStream"])
    entity.granted()
    entity.expect(["openStream", "init(pn 2)", "send(1)"])
    entity.reply(1)
    entity.expect(["tell 2 reply"])
    entity.expectPassivation()
    entity.streamEnded()
    entity.expect(["end", "releaseStream", "closeCopy", "retire"])
  }

  @Test("an entity that someone follows, or that owes something, stays")
  func notIdle() throws {
    var entity = try ReplicatedTrace.active()
    entity.command(2, streamed: true)
    entity.expectPassivation(false)
    entity.reply(2, streamed: true)
    entity.expectPassivation(false, "a stream is open")
    entity.left(2)
    entity.expectPassivation(false, "the cancellation is not answered")
    entity.cancelled(2, .gcounter(increment: 1))
    entity.expectPassivation(false, "a change is not durable")
    entity.durable(1)
    entity.expectPassivation()
  }

  @Test("a function that does not close its side loses the stream")
  func closeOverdue() throws {
    var entity = try ReplicatedTrace.active()
    entity.closeOverdue()
    entity.expect([])
    entity.expectPassivation()
    entity.closeOverdue()
    entity.expect(["end", "reset"])
  }

  // MARK: Stopping

  @Test("a stopping node answers what was asked, ends open streams normally, and then the stream")
  func stop() throws {
    var limits = ReplicatedEntityMachine.Limits()
    limits.outstandingCommands = 2
    var entity = try ReplicatedTrace.active(limits: limits)
    entity.command(2, streamed: true)
    entity.reply(2, streamed: true)
    entity.command(3)
    entity.command(4)
    entity.command(5)
    _ = entity.taken()
    entity.stop()
    entity.command(6)
    entity.expect(["tell 6 error stopping"])
    entity.reply(4)
    entity.reply(3, .gcounter(increment: 1))
    entity.expect(["tell 4 reply", "send(5)", "write(g 1)"])
    entity.reply(5)
    entity.expect(["end"])
    entity.durable(1)
    entity.expect(["tell 3 reply", "tell 5 reply", "tell 2 end"])
    entity.streamEnded()
    entity.expect(["releaseStream", "closeCopy", "retire"])
  }

  @Test("a stopping node lets entities go in every phase")
  func stopElsewhere() throws {
    var opening = try ReplicatedTrace()
    opening.command(1)
    opening.stop()
    opening.opened()
    opening.granted()
    opening.reply(1)
    opening.streamEnded()
    opening.expect([
      "openCopy", "requestStream", "openStream", "init(-)", "send(1)", "tell 1 reply", "end",
      "releaseStream", "closeCopy", "retire",
    ])
    var deleted = try ReplicatedTrace.active(.pncounter(change: 1))
    deleted.deleteElsewhere()
    deleted.stop()
    deleted.streamEnded()
    deleted.expect(["delete", "end", "releaseStream", "closeCopy", "retire"])
    var missing = try ReplicatedTrace()
    missing.copy = .deleted
    missing.command(1)
    missing.stop()
    missing.opened()
    missing.expect(["openCopy", "tell 1 error entity-deleted", "closeCopy", "retire"])
  }

  @Test("a stopping node waits for a deletion that other nodes confirm last")
  func stopUnconfirmed() throws {
    var entity = try ReplicatedTrace.active(.pncounter(change: 1))
    entity.command(2)
    entity.replyDeleting(2, .all)
    entity.stop()
    entity.streamEnded()
    entity.durable(1)
    entity.expect(["send(2)", "write(delete)", "end", "releaseStream"])
    entity.confirmed(1)
    entity.expect(["tell 2 reply", "closeCopy", "retire"])
  }

  // MARK: Bounds

  @Test("beyond their bounds commands wait, and then are refused")
  func bounds() throws {
    var limits = ReplicatedEntityMachine.Limits()
    limits.outstandingCommands = 1
    limits.queuedCommands = 2
    var entity = try ReplicatedTrace.active(limits: limits)
    for ticket: UInt64 in 2...5 { entity.command(ticket) }
    entity.expect(["send(2)", "tell 5 error overloaded"])
    entity.reply(2)
    entity.expect(["tell 2 reply", "send(3)"])
  }

  @Test("open streams have a bound of their own, however they end")
  func streamBound() throws {
    var limits = ReplicatedEntityMachine.Limits()
    limits.openStreams = 1
    var entity = try ReplicatedTrace.active(limits: limits)
    let ends: [(inout ReplicatedTrace, UInt64) -> Void] = [
      { $0.reply(Int64($1)) },
      {
        $0.reply(Int64($1), streamed: true)
        $0.streamed(Int64($1), ends: true)
      },
      {
        $0.reply(Int64($1), streamed: true)
        $0.left($1)
        $0.cancelled(Int64($1))
      },
      { $0.failure(Int64($1)) },
    ]
    // Of refused commands the function gets none, so its numbers follow the accepted ones.
    for (index, end) in ends.enumerated() {
      let ticket = UInt64(index) + 2
      entity.command(ticket, streamed: true)
      entity.expect(["send(\(ticket) streamed)"])
      entity.command(99, streamed: true)
      entity.expect(["tell 99 error overloaded"])
      end(&entity, ticket)
      _ = entity.taken()
    }
    entity.command(6)
    entity.expect(["send(6)"])
  }

  @Test("answers that wait for other nodes count against the bound of commands")
  func outboxBound() throws {
    var limits = ReplicatedEntityMachine.Limits()
    limits.outstandingCommands = 2
    var entity = try ReplicatedTrace.active(limits: limits)
    for ticket: UInt64 in 2...3 {
      entity.command(ticket)
      entity.reply(Int64(ticket), .gcounter(increment: 1), .majority)
      entity.durable(ticket - 1)
    }
    entity.command(4)
    entity.expect(["send(2)", "write(g 1)", "send(3)", "write(g 1)"])
    entity.confirmed(1)
    entity.expect(["tell 2 reply", "send(4)"])
  }

  @Test("a command whose deadline has passed does not reach the function")
  func deadline() throws {
    var limits = ReplicatedEntityMachine.Limits()
    limits.outstandingCommands = 1
    var entity = try ReplicatedTrace.active(limits: limits)
    entity.command(2)
    entity.command(3, deadline: 10)
    entity.command(4, deadline: 12)
    entity.now = 11
    entity.reply(2)
    entity.expect(["send(2)", "tell 2 reply", "tell 3 error timeout", "send(3)"])
  }

  @Test("a function that owes an answer too long loses the stream, one that streams does not")
  func overdue() throws {
    var entity = try ReplicatedTrace.active()
    #expect(entity.machine.oldestRequestAt == nil)
    entity.now = 5
    entity.command(2, streamed: true)
    entity.reply(2, streamed: true)
    #expect(entity.machine.oldestRequestAt == nil)
    entity.command(3)
    entity.now = 7
    entity.command(4)
    #expect(entity.machine.oldestRequestAt == 5)
    _ = entity.taken()
    entity.answerOverdue(before: 4)
    entity.expect([])
    entity.answerOverdue(before: 6)
    entity.expect([
      "report", "tell 3 error timeout", "tell 2 error entity-terminated",
      "tell 4 error entity-terminated", "reset",
    ])
  }
}
