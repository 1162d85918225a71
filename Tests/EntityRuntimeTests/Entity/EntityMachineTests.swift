import CloudstateModel
import EntityRuntime
import ShardStore
import Testing

/// Traces of the entity's life: event, expected actions, event, expected actions.
@Suite struct EntityMachineTests {
  @Test("A first command asks for a stream, replays the journal, then reaches the function")
  func activation() {
    var entity = Trace()
    entity.command(1)
    entity.expect(["requestStream"])
    entity.granted()
    entity.expect(["openStream", "recover(snapshot)"])
    entity.recovered(snapshot: 2, events: [3, 4], hasMore: true)
    entity.expect(["init(2)", "events(3,4)", "recover(4)"])
    entity.recovered(events: [5])
    entity.expect(["events(5)", "send(1)"])
  }

  @Test("A reply with events is answered only when its batch is durable")
  func answersAfterSync() {
    var entity = Trace.active()
    entity.command(1)
    entity.reply(1, events: 2)
    entity.expect(["send(1)", "commit(1..2)"])
    entity.committed(7)
    entity.expect(["reply 1 at 7"])
  }

  @Test("The next command goes out while the batch is being synced, and answers keep their order")
  func pipelining() {
    var entity = Trace.active()
    entity.command(1)
    entity.command(2)
    entity.command(3)
    entity.reply(1, events: 1)
    entity.reply(2, events: 0)
    entity.reply(3, events: 1)
    entity.expect([
      "send(1)", "commit(1..1)", "send(2)", "send(3)",
      "commit(2..2)",
    ])
    entity.committed(1)
    entity.expect(["reply 1 at 1", "reply 2"])
    entity.committed(2)
    entity.expect(["reply 3 at 2"])
  }

  @Test("A failed batch voids everything decided after it")
  func failedCommit() {
    var entity = Trace.active()
    for ticket in 1...4 { entity.command(UInt64(ticket)) }
    entity.reply(1, events: 1)
    entity.reply(2, events: 0)
    _ = entity.taken()
    entity.commitFailed(.overloaded)
    entity.expect([
      "error 1 store-failed", "error 2 store-failed", "error 3 store-failed",
      "error 4 store-failed", "reset",
    ])
    entity.streamEnded()
    entity.expect(["releaseStream", "retire"])
  }

  @Test(
    "After a failed sync nobody can know what is stored, and only what was not sent to it is denied"
  )
  func failedSync() {
    var entity = Trace.active()
    for ticket in 1...3 { entity.command(UInt64(ticket)) }
    entity.reply(1, events: 1)
    _ = entity.taken()
    entity.commitFailed(.writeFailed)
    entity.expect([
      "error 1 outcome-unknown", "error 2 store-failed", "error 3 store-failed", "reset",
    ])
  }

  @Test("An answer that could not be remembered fails its own caller only")
  func failedRemembering() {
    var entity = Trace.active()
    entity.command(1, key: "k")
    entity.command(2)
    entity.lookedUp(.absent)
    entity.reply(1, events: 0)
    entity.reply(2, events: 1)
    _ = entity.taken()
    entity.commitFailed(.overloaded)
    entity.expect(["error 1 store-failed"])
    entity.committed(1)
    entity.expect(["reply 2 at 1"])
  }

  @Test("A function that does not take the journal loses the entity's stream")
  func recoveryTimeout() {
    var entity = Trace()
    entity.now = 5
    entity.command(1)
    entity.granted()
    _ = entity.taken()
    #expect(entity.machine.recoveringSince == 5)
    entity.now = 9
    entity.recovered(events: [1], hasMore: true)
    #expect(entity.machine.recoveringSince == 9)
    _ = entity.taken()
    entity.recoveryTimedOut()
    entity.expect(["error 1 timeout", "reset"])
    #expect(entity.machine.recoveringSince == nil)
  }

  @Test("A reply nobody asked for crashes the entity: the caller, then the queue, then the stream")
  func unexpectedReply() {
    var entity = Trace.active()
    entity.command(1)
    entity.command(2)
    _ = entity.taken()
    entity.reply(9, events: 0)
    entity.expect(["error 1 unexpected-reply", "error 2 entity-terminated", "reset"])
    entity.command(3)
    entity.streamEnded()
    entity.expect(["releaseStream", "requestStream"])
  }

  @Test("A stream failure of the function crashes the entity and is reported")
  func streamFailure() {
    var entity = Trace.active()
    entity.command(1)
    _ = entity.taken()
    entity.message(.failure(commandID: 1, description: "boom"))
    entity.expect([
      "report", "error 1 unexpected-failure", "reset",
    ])
  }

  @Test("An empty message crashes the entity")
  func emptyMessage() {
    var entity = Trace.active()
    entity.command(1)
    _ = entity.taken()
    entity.message(.empty)
    entity.expect(["error 1 unexpected-message", "reset"])
  }

  @Test("A lost stream answers the outstanding caller and the queue with the texts of the protocol")
  func streamLost() {
    var entity = Trace.active()
    entity.command(1)
    entity.command(2)
    _ = entity.taken()
    entity.streamEnded()
    entity.expect([
      "error 1 unexpected-termination", "error 2 entity-terminated", "releaseStream", "retire",
    ])
  }

  @Test("A batch in flight outlives its stream, and the next stream waits for it")
  func batchOutlivesStream() {
    var entity = Trace.active()
    entity.command(1)
    entity.reply(1, events: 1)
    entity.streamEnded()
    entity.command(2)
    entity.expect(["send(1)", "commit(1..1)", "releaseStream"])
    entity.committed(1)
    entity.expect(["reply 1 at 1", "requestStream"])
  }

  @Test("A failure that asks for a restart keeps the queue and replays at once")
  func restart() {
    var entity = Trace.active()
    entity.command(1)
    entity.command(2)
    _ = entity.taken()
    entity.message(
      .reply(FunctionReply(commandID: 1, action: .failure(description: "no", restart: true))))
    entity.expect(["failure 1", "end"])
    entity.streamEnded()
    entity.expect(["releaseStream", "requestStream"])
    entity.granted()
    entity.recovered()
    entity.expect(["openStream", "recover(snapshot)", "init(-)", "send(1)"])
  }

  @Test("A restart replays at once even when nothing is queued")
  func eagerRestart() {
    var entity = Trace.active()
    entity.command(1)
    entity.message(
      .reply(FunctionReply(commandID: 1, action: .failure(description: "no", restart: true))))
    _ = entity.taken()
    entity.streamEnded()
    entity.expect(["releaseStream", "requestStream"])
  }

  @Test("An idle entity is passivated, and a command that comes meanwhile wakes it again")
  func passivation() {
    var entity = Trace.active()
    let agreed = entity.passivate()
    #expect(agreed)
    entity.command(1)
    entity.expect(["end"])
    entity.streamEnded()
    entity.expect(["releaseStream", "requestStream"])
  }

  @Test("A busy entity is not passivated")
  func busyIsNotPassivated() {
    var entity = Trace.active()
    entity.command(1)
    let agreed = entity.passivate()
    #expect(!agreed)
  }

  @Test("A full queue refuses, and what was queued still runs")
  func queueBound() {
    var limits = EntityMachine.Limits()
    limits.queuedCommands = 2
    var entity = Trace.active(limits: limits)
    for ticket in 1...4 { entity.command(UInt64(ticket)) }
    entity.expect(["send(1)", "error 4 overloaded"])
    entity.reply(1, events: 0)
    entity.expect(["reply 1", "send(2)"])
  }

  @Test("Uncommitted batches are bounded: the next command waits for the store")
  func uncommittedBound() {
    var limits = EntityMachine.Limits()
    limits.uncommittedBatches = 1
    var entity = Trace.active(limits: limits)
    entity.command(1)
    entity.command(2)
    entity.reply(1, events: 1)
    entity.expect(["send(1)", "commit(1..1)"])
    entity.committed(1)
    entity.expect(["reply 1 at 1", "send(2)"])
  }

  @Test("A long queue gives its stream up when others wait")
  func turns() {
    var limits = EntityMachine.Limits()
    limits.commandsPerTurn = 1
    var entity = Trace.active(limits: limits)
    entity.command(1)
    entity.command(2)
    entity.reply(1, events: 0, contended: true)
    entity.expect(["send(1)", "reply 1", "end"])
    entity.streamEnded()
    entity.expect(["releaseStream", "requestStream"])
  }

  @Test("A gap in the journal stops recovery and fails the callers")
  func journalGap() {
    var entity = Trace()
    entity.command(1)
    entity.granted()
    _ = entity.taken()
    entity.recovered(snapshot: nil, events: [1, 3])
    entity.expect(["init(-)", "error 1 recovery-failed", "reset"])
  }

  @Test("A function that does not answer in time loses the entity's stream")
  func commandTimeout() {
    var entity = Trace.active()
    entity.command(1)
    entity.command(2)
    _ = entity.taken()
    entity.commandTimedOut()
    entity.expect(["error 1 timeout", "error 2 entity-terminated", "reset"])
  }

  @Test("A command whose caller has given up is not sent")
  func deadlinePassed() {
    var entity = Trace.active()
    entity.command(1)
    entity.command(2, deadline: 50)
    entity.now = 100
    entity.reply(1, events: 0)
    entity.expect(["send(1)", "reply 1", "error 2 timeout"])
  }

  @Test("Stopping finishes what is queued and refuses what comes")
  func stopping() {
    var entity = Trace.active()
    entity.command(1)
    entity.command(2)
    entity.stop()
    entity.command(3)
    entity.reply(1, events: 1)
    entity.reply(2, events: 0)
    entity.expect([
      "send(1)", "error 3 stopping", "commit(1..1)", "send(2)", "end",
    ])
    entity.streamEnded()
    entity.committed(1)
    entity.expect(["releaseStream", "reply 1 at 1", "reply 2", "retire"])
  }

  @Test("A forward with its side effects is released when the events that came with it are durable")
  func forward() {
    let call = FunctionCall(
      serviceName: "a.B", method: "C", payloadTypeURL: "type.googleapis.com/In", payload: [1])
    var entity = Trace.active()
    entity.command(1)
    _ = entity.taken()
    entity.message(
      .reply(
        FunctionReply(
          commandID: 1, action: .forward(call), events: [.sample],
          sideEffects: [SideEffect(call, isSynchronous: true)])))
    entity.expect(["commit(1..1)"])
    entity.committed(1)
    entity.expect(["forward 1 to a.B.C effects 1 at 1"])
  }

  @Test("A value entity recovers from its value alone, and crashes in words of its own")
  func valueEntity() {
    var entity = Trace(kind: .value)
    entity.command(1)
    entity.granted()
    entity.recovered(snapshot: 7)
    entity.expect(["requestStream", "openStream", "recover(snapshot)", "init(7)", "send(1)"])
    entity.reply(1, events: 1)
    entity.command(2)
    entity.expect(["commit(8..8)", "send(2)"])
    entity.committed(1)
    entity.command(3)
    entity.expect(["reply 1 at 1"])
    entity.message(.empty)
    let texts = entity.takenErrors()
    #expect(texts == ["Unexpected Value entity failure", "Value entity terminated"])
  }

  // MARK: Idempotency keys

  @Test("A key is looked up first, and the answer is remembered with the events")
  func keyIsRemembered() {
    var entity = Trace.active()
    entity.command(1, key: "k")
    entity.expect(["lookUp(k)"])
    entity.lookedUp(.absent)
    entity.reply(1, events: 1)
    entity.expect(["send(1)", "commit(1..1, remember k)"])
  }

  @Test("An answer without events is remembered too")
  func keyWithoutEvents() {
    var entity = Trace.active()
    entity.command(1, key: "k")
    entity.lookedUp(.absent)
    _ = entity.taken()
    entity.reply(1, events: 0)
    entity.expect(["commit(1..0, remember k)"])
    entity.committed(4)
    entity.expect(["reply 1"])
  }

  @Test(
    "The same key while the first batch is being synced gets the same answer and no second batch")
  func earlyDuplicate() {
    var entity = Trace.active()
    entity.command(1, key: "k")
    entity.lookedUp(.absent)
    entity.command(2, key: "k")
    entity.reply(1, events: 1)
    entity.expect(["lookUp(k)", "send(1)", "commit(1..1, remember k)"])
    entity.committed(1)
    entity.expect(["reply 1 at 1", "reply 2 duplicate"])
  }

  @Test("The same key with another command is refused")
  func reusedKey() {
    var entity = Trace.active()
    entity.command(1, key: "k")
    _ = entity.taken()
    entity.lookedUp(.remembered(fingerprint: 42, CommandAnswer(.reply(nil))))
    entity.expect(["error 1 idempotency-key-reused"])
  }

  @Test("A remembered answer is given again")
  func remembered() {
    var entity = Trace.active()
    entity.command(1, key: "k")
    _ = entity.taken()
    entity.lookedUp(
      .remembered(fingerprint: Trace.sampleCommand.fingerprint, CommandAnswer(.reply(nil))))
    entity.expect(["reply 1 duplicate"])
  }
}
