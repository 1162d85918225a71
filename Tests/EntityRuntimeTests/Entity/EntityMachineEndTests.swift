import CloudstateModel
import EntityRuntime
import ShardStore
import Testing

/// Traces of entities whose shard leaves the node.
@Suite struct EntityMachineEndTests {
  // MARK: Handing over

  @Test("What is with the function is finished, what has not begun goes back, then the entity ends")
  func handOver() {
    var entity = Trace.active()
    for ticket in 1...3 { entity.command(UInt64(ticket)) }
    _ = entity.taken()
    entity.handOver()
    entity.expect(["error 2 shard-unavailable", "error 3 shard-unavailable"])
    entity.command(4)
    entity.expect(["error 4 shard-unavailable"])
    entity.reply(1, events: 2)
    entity.expect(["commit(1..2)", "end"])
    entity.streamEnded()
    entity.expect(["releaseStream"])
    entity.committed(7)
    entity.expect(["reply 1 at 7", "retire"])
  }

  @Test("An idle entity ends at once, and waits for its batches")
  func handOverIdle() {
    var entity = Trace.active()
    entity.command(1)
    entity.reply(1, events: 1)
    _ = entity.taken()
    entity.handOver()
    entity.handOver()
    entity.expect(["end"])
    entity.streamEnded()
    entity.committed(1)
    entity.expect(["releaseStream", "reply 1 at 1", "retire"])
  }

  @Test("An entity without a stream does not wait for one")
  func handOverEarly() {
    var waiting = Trace()
    waiting.command(1)
    waiting.handOver()
    waiting.expect(["requestStream", "error 1 shard-unavailable", "retire"])
    #expect(waiting.machine.isRetired)
    // Should the grant be on its way already.
    waiting.granted()
    waiting.expect(["declineStream"])

    var recovering = Trace()
    recovering.command(1)
    recovering.granted()
    _ = recovering.taken()
    recovering.handOver()
    recovering.expect(["error 1 shard-unavailable", "reset"])
    recovering.recovered()
    recovering.streamEnded()
    recovering.expect(["releaseStream", "retire"])
  }

  @Test("A command whose key is being looked for has not begun")
  func handOverAtLookup() {
    var entity = Trace.active()
    entity.command(1, key: "k")
    _ = entity.taken()
    entity.handOver()
    entity.expect(["error 1 shard-unavailable", "end"])
    entity.lookedUp(.absent)
    entity.expect([])
  }

  @Test("Commands that wait for the end of a stream go back, and the stream is not opened again")
  func handOverWhileClosing() {
    var entity = Trace.active()
    _ = entity.passivate()
    entity.command(1)
    entity.handOver()
    entity.expect(["end", "error 1 shard-unavailable"])
    entity.streamEnded()
    entity.expect(["releaseStream", "retire"])
  }

  @Test("A function that fails or hangs meanwhile does not keep the entity")
  func handOverFailing() {
    var restarting = Trace.active()
    restarting.command(1)
    restarting.handOver()
    restarting.message(
      .reply(FunctionReply(commandID: 1, action: .failure(description: "no", restart: true))))
    restarting.streamEnded()
    restarting.expect(["send(1)", "failure 1", "end", "releaseStream", "retire"])

    var hanging = Trace.active()
    hanging.command(1)
    hanging.handOver()
    hanging.commandTimedOut()
    hanging.streamEnded()
    hanging.expect(["send(1)", "error 1 timeout", "reset", "releaseStream", "retire"])
  }

  // MARK: Giving up

  @Test("Each caller hears whether its command may have left something")
  func giveUp() {
    var entity = Trace.active()
    for ticket in 1...4 { entity.command(UInt64(ticket)) }
    entity.reply(1, events: 1)
    entity.reply(2, events: 0)
    _ = entity.taken()
    entity.giveUp()
    entity.expect([
      "error 1 outcome-unknown", "error 2 shard-unavailable", "error 3 outcome-unknown",
      "error 4 shard-unavailable", "reset",
    ])
    entity.command(5)
    entity.expect(["error 5 shard-unavailable"])
  }

  @Test("What the store and the function say later means nothing, and the stream's slot comes back")
  func lateNews() {
    var entity = Trace.active()
    entity.command(1)
    entity.command(2)
    entity.reply(1, events: 1)
    entity.giveUp()
    _ = entity.taken()
    entity.giveUp()
    entity.reply(2, events: 1)
    entity.committed(1)
    entity.commitFailed()
    entity.commitFailed()
    entity.expect([])
    entity.streamEnded()
    entity.expect(["releaseStream", "retire"])
  }

  @Test("In any other state the entity ends too")
  func giveUpElsewhere() {
    var waiting = Trace()
    waiting.command(1)
    waiting.giveUp()
    waiting.expect(["requestStream", "error 1 shard-unavailable", "retire"])

    var closing = Trace.active()
    _ = closing.passivate()
    closing.giveUp()
    closing.expect(["end", "reset"])
    closing.streamEnded()
    closing.expect(["releaseStream", "retire"])

    var settling = Trace.active()
    settling.command(1)
    settling.reply(1, events: 1)
    settling.streamEnded()
    _ = settling.taken()
    settling.giveUp()
    settling.expect(["error 1 outcome-unknown", "retire"])

    var handingOver = Trace.active()
    handingOver.command(1)
    handingOver.handOver()
    handingOver.giveUp()
    handingOver.expect(["send(1)", "error 1 outcome-unknown", "reset"])
  }

  // MARK: Epochs

  @Test("An entity outlives its epoch: each batch is committed under that of its time")
  func epochs() {
    var entity = Trace.active()
    var epochs: [UInt64] = []
    for number in 1...2 {
      entity.epoch = Epoch(UInt64(number))
      entity.command(UInt64(number))
      entity.reply(Int64(number), events: 1)
      entity.committed(UInt64(number))
      for action in entity.takenActions() {
        if case .commit(let order) = action { epochs.append(order.epoch.number) }
        if case .complete(_, let answer) = action {
          epochs.append(answer.commitment?.epoch.number ?? 0)
        }
      }
    }
    #expect(epochs == [1, 1, 2, 2])
  }

  @Test(
    "A batch that is refused because the shard was taken away was not stored, and may run elsewhere",
    arguments: [StoreError.Code.staleEpoch, .shardNotOpen])
  func takenAway(code: StoreError.Code) {
    var entity = Trace.active()
    for ticket in 1...3 { entity.command(UInt64(ticket)) }
    entity.reply(1, events: 1)
    _ = entity.taken()
    entity.commitFailed(code)
    entity.expect([
      "error 1 shard-unavailable", "error 2 shard-unavailable", "error 3 shard-unavailable",
      "reset",
    ])
  }

  @Test(
    "A command that comes after a failed batch starts from the journal, whatever fails behind it")
  func afterFailure() {
    var entity = Trace.active()
    for ticket in 1...2 { entity.command(UInt64(ticket)) }
    entity.reply(1, events: 1)
    entity.reply(2, events: 1)
    entity.commitFailed(.staleEpoch)
    _ = entity.taken()
    entity.command(3)
    entity.commitFailed(.outOfSequence)
    entity.expect([])
    entity.streamEnded()
    entity.expect(["releaseStream", "requestStream"])
  }
}
