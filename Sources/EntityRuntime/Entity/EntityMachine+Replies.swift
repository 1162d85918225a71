package import CloudstateModel
import DequeModule
package import ShardStore

extension EntityMachine {
  /// The user function has said something on the entity's stream.
  ///
  /// - Parameters:
  ///   - epoch: that of the shard now; what is decided here is committed under it.
  ///   - contended: other entities wait for a stream, so a long queue here must not keep it.
  package mutating func received(
    _ message: FunctionMessage, epoch: Epoch, contended: Bool = false, now: UInt64,
    into actions: inout [EntityAction]
  ) {
    // What comes after the half-close or reset belongs to nobody.
    guard phase == .active || phase == .recovering else { return }
    switch message {
    case .reply(let reply):
      guard phase == .active, case .atFunction(let id, let command) = outstanding,
        reply.commandID == id
      else {
        crash(.unexpectedReply, into: &actions)
        return
      }
      _ = takeOutstanding()
      commandsThisTurn += 1
      settle(reply, of: command, epoch: epoch, into: &actions)
      advance(now: now, contended: contended, into: &actions)
    case .failure(let commandID, let description):
      actions.append(
        .report("Entity failed by its function on command \(commandID): \(description)"))
      crash(.unexpectedFailure, into: &actions)
    case .empty:
      crash(.unexpectedMessage, into: &actions)
    }
  }

  /// Turns the function's reply into a batch and an answer.
  private mutating func settle(
    _ reply: FunctionReply, of queued: QueuedCommand, epoch: Epoch,
    into actions: inout [EntityAction]
  ) {
    var answer: CommandAnswer
    switch reply.action {
    case .reply(let payload):
      answer = CommandAnswer(.reply(payload), effects: reply.sideEffects)
    case .failure(let description, restart: false):
      answer = CommandAnswer(.failure(description), effects: reply.sideEffects)
    case .failure(let description, restart: true):
      // The function's state already holds events of the failed command: they are thrown away with it.
      release(
        CommandAnswer(.failure(description), effects: reply.sideEffects), to: queued.ticket,
        into: &actions)
      reopensEagerly = !isStopping && !isHandingOver
      close(gracefully: true, into: &actions)
      return
    case .forward(let call):
      answer = CommandAnswer(.forward(call), effects: reply.sideEffects)
    }

    if !reply.events.isEmpty {
      answer.commitment = Commitment(
        shard: shard, position: .start, epoch: epoch, firstSequence: lastSequence.next,
        eventCount: reply.events.count)
    }
    let remembered = rememberedAnswer(answer, for: queued.command)
    guard !reply.events.isEmpty || remembered != nil else {
      release(answer, to: queued.ticket, into: &actions)
      return
    }
    submittedBatches += 1
    unsettledBatchesHoldEvents.append(!reply.events.isEmpty)
    actions.append(
      .commit(
        CommitOrder(
          epoch: epoch, firstSequence: lastSequence.next, events: reply.events,
          // A snapshot without events is ignored (proxy behaviour, section 7.2).
          snapshot: reply.events.isEmpty ? nil : reply.snapshot, remember: remembered)))
    lastSequence = lastSequence.advanced(by: reply.events.count)
    if let remembered {
      undurableAnswers[remembered.key] = UndurableAnswer(
        remembered: remembered, batch: submittedBatches)
    }
    release(answer, to: queued.ticket, positionBatch: submittedBatches, into: &actions)
  }

  /// What to keep under the command's idempotency key. Errors of the machinery are not kept: repeating the
  /// command shall try again.
  private func rememberedAnswer(
    _ answer: CommandAnswer, for command: EntityCommand
  ) -> RememberedAnswer? {
    guard let key = command.idempotencyKey else { return nil }
    if case .error = answer.outcome { return nil }
    return RememberedAnswer(key: key, fingerprint: command.fingerprint, answer: answer)
  }

  // MARK: The store

  /// The oldest submitted batch has an outcome.
  package mutating func committed(
    _ result: Result<Position, StoreError>, now: UInt64, into actions: inout [EntityAction]
  ) {
    guard !isGivenUp else { return }
    assert(settledBatches < submittedBatches, "an outcome without a batch")
    settledBatches += 1
    let heldEvents = unsettledBatchesHoldEvents.popFirst() ?? true
    switch result {
    case .success(let position):
      for index in releases.indices where releases[index].positionBatch == settledBatches {
        releases[index].answer.commitment?.position = position
      }
      releaseDurable(into: &actions)
    case .failure(let error) where heldEvents:
      discardUndurable(error, into: &actions)
    case .failure(let error):
      forgetUnremembered(error, into: &actions)
    }
    if phase == .settling {
      settleIfDurable(now: now, into: &actions)
    } else {
      advance(now: now, into: &actions)
    }
  }

  /// Gives out what waited for no more than the batches that have an outcome.
  private mutating func releaseDurable(into actions: inout [EntityAction]) {
    while let first = releases.first, first.batches <= settledBatches {
      actions.append(.complete(first.ticket, first.answer))
      releases.removeFirst()
    }
    if !undurableAnswers.isEmpty {
      undurableAnswers = undurableAnswers.filter { $0.value.batch > settledBatches }
    }
  }

  /// A batch failed that held no events, only an answer to remember: the entity's state is what it was, and
  /// what was decided after it stands.
  private mutating func forgetUnremembered(
    _ error: StoreError, into actions: inout [EntityAction]
  ) {
    let failed = settledBatches
    for index in releases.indices where releases[index].positionBatch == failed {
      releases[index].answer = .error(Self.failure(of: error))
    }
    releaseDurable(into: &actions)
  }

  /// A batch failed: nothing that was decided after it ever happened.
  private mutating func discardUndurable(
    _ error: StoreError, into actions: inout [EntityAction]
  ) {
    while let release = releases.popFirst() {
      actions.append(.complete(release.ticket, .error(Self.failure(of: error))))
    }
    undurableAnswers.removeAll()
    // What came since the stream began to close was not decided on, and starts from the journal.
    guard phase == .active else { return }
    // These were not given to the store.
    let notStored = Self.notStored(error)
    if let command = takeOutstanding() {
      actions.append(.complete(command.ticket, .error(notStored)))
    }
    failQueue(notStored, into: &actions)
    close(gracefully: false, into: &actions)
  }

  /// What the callers of a batch that failed hear. A write or sync that failed may all the same have reached
  /// the disk, and one that was not confirmed by the shard's other copies may have reached them.
  private static func failure(of error: StoreError) -> CommandError {
    switch error.code {
    case .writeFailed:
      CommandError(
        .outcomeUnknown,
        "the disk failed while the events were written (\(error.message)): they may or may not be there "
          + "after the node's restart; repeat the command with the same idempotency key")
    case .unconfirmed:
      CommandError(
        .outcomeUnknown,
        "the events were not confirmed by the shard's other copies (\(error.message)): they may or may not "
          + "last; repeat the command with the same idempotency key")
    default: notStored(error)
    }
  }

  private static func notStored(_ error: StoreError) -> CommandError {
    switch error.code {
    // The shard was given to another node, which can run the command.
    case .staleEpoch, .shardNotOpen:
      CommandError(
        .shardUnavailable,
        "the entity's shard was taken away (\(error.message)); nothing was stored")
    default:
      CommandError(
        .storeFailed, "the events could not be made durable (\(error.message)); nothing was stored")
    }
  }
}
