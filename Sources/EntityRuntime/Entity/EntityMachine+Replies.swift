package import CloudstateModel
import DequeModule
package import ShardStore

extension EntityMachine {
  /// The user function has said something on the entity's stream.
  ///
  /// - Parameter contended: other entities wait for a stream, so a long queue here must not keep it.
  package mutating func received(
    _ message: FunctionMessage, contended: Bool = false, now: UInt64,
    into actions: inout [EntityAction]
  ) {
    // What comes after the half-close or reset belongs to nobody.
    guard phase == .active || phase == .recovering else { return }
    switch message {
    case .reply(let reply):
      guard phase == .active, case .atFunction(let id, let command) = outstanding,
        reply.commandID == id
      else {
        crash(CommandError(.unexpectedReply, "Unexpected entity reply"), into: &actions)
        return
      }
      _ = takeOutstanding()
      commandsThisTurn += 1
      settle(reply, of: command, into: &actions)
      advance(now: now, contended: contended, into: &actions)
    case .failure(let commandID, let description):
      actions.append(
        .report("Entity failed by its function on command \(commandID): \(description)"))
      crash(CommandError(.unexpectedFailure, "Unexpected entity failure"), into: &actions)
    case .empty:
      crash(CommandError(.unexpectedMessage, "Unexpected entity message"), into: &actions)
    }
  }

  /// Turns the function's reply into a batch and an answer.
  private mutating func settle(
    _ reply: FunctionReply, of queued: QueuedCommand, into actions: inout [EntityAction]
  ) {
    if !reply.sideEffects.isEmpty {
      actions.append(
        .report(
          "Side effects are not served by this release and were not run: "
            + reply.sideEffects.joined(separator: ", ")))
    }
    var answer: CommandAnswer
    switch reply.action {
    case .reply(let payload):
      answer = CommandAnswer(.reply(payload))
    case .failure(let description, restart: false):
      answer = CommandAnswer(.failure(description))
    case .failure(let description, restart: true):
      // The function's state already holds events of the failed command: they are thrown away with it.
      release(
        CommandAnswer(.failure(description)), to: queued.ticket, ownsBatch: false, into: &actions)
      reopensEagerly = true
      close(gracefully: true, into: &actions)
      return
    case .forward(let target):
      actions.append(.report("Forwards are not served by this release: \(target)"))
      answer = .error(
        CommandError(
          .unsupported, "the function forwarded to \(target): not served by this release"))
    }

    if !reply.events.isEmpty {
      answer.commitment = Commitment(
        shard: shard, position: .start, epoch: epoch, firstSequence: lastSequence.next,
        eventCount: reply.events.count)
    }
    let remembered = rememberedAnswer(answer, for: queued.command)
    guard !reply.events.isEmpty || remembered != nil else {
      release(answer, to: queued.ticket, ownsBatch: false, into: &actions)
      return
    }
    submittedBatches += 1
    actions.append(
      .commit(
        CommitOrder(
          firstSequence: lastSequence.next, events: reply.events,
          // A snapshot without events is ignored (proxy behaviour, section 7.2).
          snapshot: reply.events.isEmpty ? nil : reply.snapshot, remember: remembered)))
    lastSequence = lastSequence.advanced(by: reply.events.count)
    if let remembered {
      undurableAnswers[remembered.key] = UndurableAnswer(
        remembered: remembered, batch: submittedBatches)
    }
    release(answer, to: queued.ticket, ownsBatch: true, into: &actions)
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
    assert(settledBatches < submittedBatches, "an outcome without a batch")
    settledBatches += 1
    switch result {
    case .success(let position):
      while let first = releases.first, first.batches <= settledBatches {
        var answer = first.answer
        if first.ownsBatch && first.batches == settledBatches {
          answer.commitment?.position = position
        }
        actions.append(.complete(first.ticket, answer))
        releases.removeFirst()
      }
      if !undurableAnswers.isEmpty {
        undurableAnswers = undurableAnswers.filter { $0.value.batch > settledBatches }
      }
    case .failure(let error):
      discardUndurable(error, into: &actions)
    }
    if phase == .settling {
      settleIfDurable(now: now, into: &actions)
    } else {
      advance(now: now, into: &actions)
    }
  }

  /// A batch failed: nothing that was decided after it ever happened.
  private mutating func discardUndurable(
    _ error: StoreError, into actions: inout [EntityAction]
  ) {
    let failure = CommandError(
      .storeFailed, "the events could not be made durable (\(error.message)); nothing was stored")
    while let release = releases.popFirst() {
      actions.append(.complete(release.ticket, .error(failure)))
    }
    undurableAnswers.removeAll()
    if let command = takeOutstanding() {
      actions.append(.complete(command.ticket, .error(failure)))
    }
    failQueue(failure, into: &actions)
    if phase == .active || phase == .recovering { close(gracefully: false, into: &actions) }
  }
}
