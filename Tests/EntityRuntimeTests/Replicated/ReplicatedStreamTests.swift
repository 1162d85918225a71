import CloudstateModel
import EntityRuntime
import ReplicatedData
import Testing

/// Traces of streamed commands and their cancellation (proxy behaviour, section 9.6).
@Suite("Streamed commands of a replicated entity")
struct ReplicatedStreamTests {
  /// An entity with the value 5 whose function has accepted the streamed command 2.
  private func following() throws -> ReplicatedTrace {
    var entity = try ReplicatedTrace.active(.pncounter(change: 5))
    entity.command(2, streamed: true)
    entity.reply(2, streamed: true)
    entity.expect(["send(2 streamed)", "tell 2 message"])
    return entity
  }

  @Test("an accepted stream carries messages until its end")
  func accepted() throws {
    var entity = try following()
    entity.streamed(2, effects: 1)
    entity.streamed(2, says: false, effects: 2)
    entity.streamed(2, says: false)
    entity.streamed(2, ends: true)
    entity.expect(["tell 2 message effects 1", "tell 2 nothing effects 2", "tell 2 reply"])
    entity.expectPassivation()
  }

  @Test("a stream ends without a last message, or begins without a first one")
  func silent() throws {
    var entity = try following()
    entity.streamed(2, says: false, ends: true)
    entity.expect(["tell 2 end"])
    entity.command(3, streamed: true)
    entity.reply(3, streamed: true, says: false)
    entity.expect(["send(3 streamed)", "tell 3 nothing"])
  }

  @Test("a stream that is not accepted ends with its reply")
  func notAccepted() throws {
    var entity = try ReplicatedTrace.active()
    entity.command(2, streamed: true)
    entity.reply(2)
    entity.expect(["send(2 streamed)", "tell 2 reply"])
    entity.streamed(2)
    entity.expect([], "late messages of what is over are dropped")
    #expect(entity.reports.isEmpty)
  }

  @Test("an open stream does not hold up what is new elsewhere")
  func streamIsNotOutstanding() throws {
    var entity = try following()
    try entity.changeElsewhere(.pncounter(change: 1))
    entity.expect(["delta(pn 1)"])
  }

  @Test("a failure ends an accepted stream")
  func failure() throws {
    var entity = try following()
    entity.failure(2)
    entity.expect(["tell 2 failure no"])
    try entity.changeElsewhere(.pncounter(change: 1))
    entity.expect(["delta(pn 1)"])
  }

  @Test("a message before the reply, or a streamed reply to a plain command, ends the entity")
  func violations() throws {
    var early = try ReplicatedTrace.active()
    early.command(2, streamed: true)
    early.streamed(2)
    early.expect(["send(2 streamed)", "report", "tell 2 error entity-terminated", "reset"])
    var unasked = try ReplicatedTrace.active()
    unasked.command(2)
    unasked.reply(2, streamed: true)
    unasked.expect(["send(2)", "report", "tell 2 error entity-terminated", "reset"])
  }

  @Test("a message for a command that never was is reported and ignored")
  func unknownCommand() throws {
    var entity = try following()
    for id: Int64 in [3, 0, -1] { entity.streamed(id) }
    entity.expect(["report", "report", "report"])
    #expect(entity.reports.first == "Received streamed message for unknown command id: 3")
    entity.streamed(2)
    entity.expect(["tell 2 message"])
  }

  // MARK: Cancellation

  @Test("a command that waits is cancelled without a word to the function")
  func cancelQueued() throws {
    var limits = ReplicatedEntityMachine.Limits()
    limits.outstandingCommands = 1
    var entity = try ReplicatedTrace.active(limits: limits)
    entity.command(2)
    entity.command(3, streamed: true)
    entity.left(3)
    entity.left(3)
    entity.reply(2)
    entity.expect(["send(2)", "tell 2 reply"])
    entity.expectPassivation()
  }

  @Test("a client that leaves before the reply is cancelled once its stream is accepted, once")
  func cancelAwaitingReply() throws {
    var entity = try ReplicatedTrace.active(.pncounter(change: 5))
    entity.command(2, streamed: true)
    entity.left(2)
    entity.left(2)
    entity.expect(["send(2 streamed)"])
    entity.reply(2, streamed: true)
    entity.expect(["cancel(2)"])
    entity.left(2)
    entity.streamed(2)
    try entity.changeElsewhere(.pncounter(change: 1))
    entity.expect([])
    entity.cancelled(2)
    entity.expect(["delta(pn 1)"], "nothing is outstanding any more")
    #expect(entity.reports.isEmpty)
    entity.expectPassivation()
  }

  @Test("a client that leaves before a reply that ends the call needs no cancellation")
  func cancelUnaccepted() throws {
    var entity = try ReplicatedTrace.active(.pncounter(change: 5))
    entity.command(2, streamed: true)
    entity.left(2)
    try entity.changeElsewhere(.pncounter(change: 1))
    entity.reply(2, .pncounter(change: 2), effects: 1)
    entity.expect(["send(2 streamed)", "write(pn 2)", "delta(pn 1)"])
    entity.durable(1)
    entity.expect(["effects 1"], "what it caused still happens")
    entity.expectPassivation()
  }

  @Test("a client that leaves its stream: one cancellation, and what crosses is dropped")
  func cancelStreaming() throws {
    var entity = try following()
    entity.left(2)
    entity.left(2)
    entity.expect(["cancel(2)"])
    try entity.changeElsewhere(.pncounter(change: 1))
    entity.streamed(2, effects: 1)
    entity.streamed(2, ends: true)
    entity.expect([])
    entity.cancelled(2)
    entity.expect(["delta(pn 1)"])
    #expect(entity.reports.isEmpty)
    entity.cancelled(2)
    entity.expect(["report", "reset"], "an answer to nothing")
  }

  @Test(
    "a failure that crosses with the cancellation, or answers it, ends the stream without a word")
  func cancelFailing() throws {
    var entity = try following()
    entity.left(2)
    entity.failure(2)
    try entity.changeElsewhere(.pncounter(change: 1))
    entity.expect(["cancel(2)", "delta(pn 1)"], "nothing is outstanding any more")
    entity.cancelled(2, .pncounter(change: 3))
    entity.expect(["write(pn 3)"])
    entity.durable(1)
    #expect(entity.reports.isEmpty)
    try entity.changeElsewhere(.pncounter(change: 1))
    entity.expect(["delta(pn 1)"])
    entity.expectPassivation()
    entity.expect(["end"])
  }

  @Test("a client that leaves after the end changes nothing")
  func cancelAfterEnd() throws {
    var entity = try following()
    entity.streamed(2, ends: true)
    entity.left(2)
    entity.expect(["tell 2 reply"])
  }

  @Test("messages that wait for the disk when their client leaves leave their effects behind")
  func cancelWaiting() throws {
    var entity = try following()
    entity.command(3)
    entity.reply(3, .pncounter(change: 1))
    entity.streamed(2, effects: 1)
    entity.streamed(2)
    entity.left(2)
    entity.expect(["send(3)", "write(pn 1)", "cancel(2)"])
    entity.durable(1)
    entity.expect(["tell 3 reply", "effects 1"])
  }

  @Test("the answer to a cancellation may change the value and have effects")
  func cancelChanges() throws {
    var entity = try following()
    entity.left(2)
    entity.cancelled(2, .pncounter(change: -1), effects: 2)
    entity.expect(["cancel(2)", "write(pn -1)"])
    entity.durable(1)
    entity.expect(["effects 2"])
    try entity.changeElsewhere(.pncounter(change: 1))
    entity.expect(["delta(pn 1)"])
  }

  @Test("a cancellation that is not answered in time costs the stream")
  func cancelOverdue() throws {
    var entity = try following()
    entity.now = 3
    entity.left(2)
    #expect(entity.machine.oldestRequestAt == 3)
    entity.answerOverdue(before: 3)
    entity.expect(["cancel(2)", "report", "reset"])
  }

  @Test("clients that leave when the stream is ending are forgotten")
  func cancelClosing() throws {
    var entity = try following()
    entity.command(3, streamed: true)
    entity.message(.empty)
    entity.left(2)
    entity.left(3)
    entity.expect([
      "send(3 streamed)", "report", "tell 2 error entity-terminated",
      "tell 3 error entity-terminated", "reset",
    ])
    entity.reply(3, streamed: true)
    entity.streamed(2)
    entity.expect([])
  }
}
