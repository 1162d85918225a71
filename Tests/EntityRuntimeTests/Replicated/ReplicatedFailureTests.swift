import CloudstateModel
import EntityRuntime
import ReplicatedData
import Testing

/// Traces of what goes wrong (proxy behaviour, section 9.8).
@Suite("Failures of a replicated entity")
struct ReplicatedFailureTests {
  @Test("a failed command gets the function's text, and the entity lives on")
  func commandFailure() throws {
    var entity = try ReplicatedTrace.active(.pncounter(change: 1))
    entity.command(2)
    try entity.changeElsewhere(.pncounter(change: 1))
    entity.failure(2)
    entity.expect(["send(2)", "tell 2 failure no", "delta(pn 1)"])
    entity.command(3)
    entity.expect(["send(3)"])
  }

  @Test("a failure of the whole stream or of a command that is not outstanding ends the entity")
  func streamFailure() throws {
    for id: Int64 in [0, 1, 9, -3] {
      var entity = try ReplicatedTrace.active()
      entity.command(2)
      entity.failure(id)
      entity.expect(["send(2)", "report", "tell 2 error entity-terminated", "reset"])
      #expect(entity.errors == ["Entity terminating"])
      entity.command(3)
      entity.streamEnded()
      entity.expect(["releaseStream", "requestStream"], "the next command starts it again")
    }
  }

  @Test("an unexpected reply ends the entity", arguments: [1, 3, 0] as [Int64])
  func unexpectedReply(id: Int64) throws {
    var entity = try ReplicatedTrace.active()
    entity.command(2)
    entity.reply(id)
    entity.expect(["send(2)", "report", "tell 2 error entity-terminated", "reset"])
  }

  @Test("a second reply to a stream ends the entity")
  func secondReply() throws {
    var entity = try ReplicatedTrace.active()
    entity.command(2, streamed: true)
    entity.reply(2, streamed: true)
    _ = entity.taken()
    entity.reply(2)
    entity.expect(["report", "tell 2 error entity-terminated", "reset"])
  }

  @Test("an answer to a cancellation nobody sent ends the entity")
  func unexpectedCancellation() throws {
    var entity = try ReplicatedTrace.active()
    entity.command(2, streamed: true)
    entity.cancelled(2)
    entity.expect(["send(2 streamed)", "report", "tell 2 error entity-terminated", "reset"])
  }

  @Test("a message without content, or a state action without a change, ends the entity")
  func emptyMessages() throws {
    let messages: [ReplicatedMessage] = [
      .empty,
      .reply(
        ReplicatedReply(
          commandID: 2, action: .reply(nil), change: RequestedChange(.unreadable))),
    ]
    for message in messages {
      var entity = try ReplicatedTrace.active()
      entity.command(2)
      entity.message(message)
      entity.expect(["send(2)", "report", "tell 2 error entity-terminated", "reset"])
    }
  }

  @Test("a change that is refused ends the entity and is not made")
  func refusedChange() throws {
    var entity = try ReplicatedTrace.active(.gcounter(increment: 1))
    let before = entity.copy
    entity.command(2)
    entity.command(3)
    entity.reply(2, .gcounter(increment: .max))
    entity.expect([
      "send(2)", "send(3)", "write(g \(UInt64.max))", "report", "tell 2 error entity-terminated",
      "tell 3 error entity-terminated", "reset",
    ])
    #expect(entity.copy == before)
    entity.reply(3, .gcounter(increment: 1))
    entity.expect([], "what a stream says that is given up is of no use")
  }

  @Test("a stream that ends by itself fails callers and followers")
  func streamEnds() throws {
    var entity = try ReplicatedTrace.active()
    entity.command(2, streamed: true)
    entity.reply(2, streamed: true)
    entity.command(3)
    _ = entity.taken()
    entity.streamEnded()
    entity.expect([
      "report", "tell 2 error entity-terminated", "tell 3 error entity-terminated",
      "releaseStream", "closeCopy", "retire",
    ])
    #expect(entity.reports == ["Unexpected entity termination due to stream closure"])
    entity.streamEnded()
    entity.expect([], "it ends once")
  }

  @Test("a function that cannot be reached fails also what waits for it, and is not told so")
  func unreachable() throws {
    var limits = ReplicatedEntityMachine.Limits()
    limits.outstandingCommands = 1
    var entity = try ReplicatedTrace.active(limits: limits)
    entity.command(2)
    entity.command(3)
    _ = entity.taken()
    entity.streamEnded(.unreachable("connection refused"))
    entity.expect([
      "tell 2 error function-unavailable", "tell 3 error function-unavailable", "releaseStream",
      "closeCopy", "retire",
    ])
    #expect(entity.errors == ["connection refused", "connection refused"])
  }

  // MARK: Durability

  @Test("answers leave in order, each when what it was decided on is durable")
  func durability() throws {
    var entity = try ReplicatedTrace.active()
    for ticket: UInt64 in 2...5 { entity.command(ticket) }
    _ = entity.taken()
    entity.reply(2)
    entity.reply(3, .gcounter(increment: 1))
    entity.reply(4)
    entity.reply(5, .gcounter(increment: 1))
    entity.expect(["tell 2 reply", "write(g 1)", "write(g 1)"])
    entity.durable(1)
    entity.expect(["tell 3 reply", "tell 4 reply"])
    entity.durable(2)
    entity.expect(["tell 5 reply"])
  }

  @Test("an answer that waits for other nodes holds up only its own call")
  func confirmation() throws {
    var entity = try ReplicatedTrace.active()
    entity.command(2, streamed: true)
    entity.command(3)
    entity.command(4)
    _ = entity.taken()
    entity.reply(2, .gcounter(increment: 1), .majority, streamed: true)
    entity.streamed(2)
    entity.reply(3)
    entity.reply(4, .gcounter(increment: 1), .all)
    entity.durable(1)
    entity.expect(["write(g 1)", "write(g 1)", "tell 3 reply"])
    entity.durable(2)
    entity.expect([])
    entity.confirmed(2)
    entity.expect(["tell 4 reply"])
    entity.confirmed(1)
    entity.expect(["tell 2 message", "tell 2 message"])
  }

  @Test("a change that is not confirmed in time fails its caller, and the entity lives on")
  func unconfirmed() throws {
    var entity = try ReplicatedTrace.active()
    entity.command(2)
    entity.command(3)
    entity.reply(2, .gcounter(increment: 1), .all)
    entity.durable(1)
    entity.unconfirmed(1)
    entity.expect([
      "send(2)", "send(3)", "write(g 1)", "report", "tell 2 error consistency-not-reached",
    ])
    #expect(entity.errors == ["Failed to update CRDT at requested write consistency"])
    entity.reply(3)
    entity.expect(["tell 3 reply"])
  }

  @Test("a stream whose first change is not confirmed ends for both sides")
  func unconfirmedStream() throws {
    var entity = try ReplicatedTrace.active(.pncounter(change: 1))
    entity.command(2, streamed: true)
    entity.reply(2, .pncounter(change: 1), .all, streamed: true)
    entity.streamed(2, effects: 1)
    entity.durable(1)
    _ = entity.taken()
    entity.unconfirmed(1)
    entity.expect([
      "cancel(2)", "report", "tell 2 error consistency-not-reached", "effects 1",
    ])
    entity.streamed(2)
    entity.streamed(2, ends: true)
    entity.expect([])
    try entity.changeElsewhere(.pncounter(change: 1))
    entity.cancelled(2)
    entity.expect(["delta(pn 1)"])
    entity.expectPassivation()
  }

  @Test("an unconfirmed change whose caller has gone is only reported")
  func unconfirmedAndLeft() throws {
    var entity = try ReplicatedTrace.active()
    entity.command(2, streamed: true)
    entity.reply(2, .gcounter(increment: 1), .all, streamed: true)
    entity.left(2)
    entity.cancelled(2)
    entity.durable(1)
    entity.expect(["send(2 streamed)", "write(g 1)", "cancel(2)"])
    entity.unconfirmed(1)
    entity.expect(["report"])
    entity.expectPassivation()
  }

  @Test("a change that cannot be stored fails everyone, once")
  func storeFailure() throws {
    var entity = try ReplicatedTrace.active()
    entity.command(2, streamed: true)
    entity.reply(2, streamed: true)
    for ticket: UInt64 in 3...6 { entity.command(ticket) }
    entity.reply(3, .gcounter(increment: 1), effects: 1)
    entity.streamed(2)
    entity.streamed(2)
    entity.reply(4)
    entity.reply(5, .gcounter(increment: 1))
    _ = entity.taken()
    entity.failed(1)
    entity.expect([
      "tell 3 error store-failed", "tell 2 error store-failed", "tell 4 error store-failed",
      "tell 5 error store-failed", "report", "reset",
    ])
    entity.failed(2)
    entity.expect(["tell 6 error store-failed"])
    entity.streamEnded()
    entity.expect(["releaseStream", "closeCopy", "retire"])
  }

  @Test("what is decided after a failed change waits for the outcome of those behind it")
  func behindFailure() throws {
    var entity = try ReplicatedTrace.active()
    entity.command(2)
    entity.command(3)
    entity.reply(2, .gcounter(increment: 1))
    entity.reply(3, .gcounter(increment: 1))
    entity.failed(1)
    entity.command(4)
    entity.streamEnded()
    entity.granted()
    entity.reply(1)
    _ = entity.taken()
    entity.expectPassivation(false)
    entity.durable(2)
    entity.expect(["tell 4 reply"])
  }

  @Test("an entity whose stream is lost stays until its changes are durable")
  func lostStreamWithChanges() throws {
    var entity = try ReplicatedTrace.active()
    entity.command(2)
    entity.reply(2, .gcounter(increment: 1), .majority)
    entity.streamEnded()
    entity.durable(1)
    entity.expect(["send(2)", "write(g 1)", "report", "releaseStream"])
    entity.confirmed(1)
    entity.expect(["tell 2 reply", "closeCopy", "retire"])
  }
}
