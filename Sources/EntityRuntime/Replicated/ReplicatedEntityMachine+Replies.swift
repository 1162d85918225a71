import CloudstateModel
import DequeModule
package import ReplicatedData

/// An answer of the function whose change is being made.
struct PendingReply {
  enum Source {
    case reply(ReplicatedReply)
    case cancellation(CancellationAnswer)
  }

  let source: Source
  let change: RequestedChange
}

extension ReplicatedEntityMachine {
  /// The function has sent something.
  package mutating func received(
    _ message: ReplicatedMessage, now: UInt64, into actions: inout [ReplicatedAction]
  ) {
    // What a stream says that is given up is of no use. After a deletion, replies still are.
    guard phase == .active || (phase == .deleted && hasStream) else { return }
    switch message {
    case .reply(let reply):
      guard let call = calls[reply.commandID], call.stage == .awaitingReply else {
        return terminate("unexpected reply to command \(reply.commandID)", into: &actions)
      }
      guard !reply.isStreamed || call.isStreamed else {
        return terminate(
          "command \(reply.commandID) is not streamed, but its reply is", into: &actions)
      }
      accept(.reply(reply), reply.change, now: now, into: &actions)
    case .cancellationAnswered(let answer)
    where failedCancellations.remove(answer.commandID) != nil:
      outstanding += 1
      accept(.cancellation(answer), answer.change, now: now, into: &actions)
    case .cancellationAnswered(let answer):
      guard let call = calls[answer.commandID], call.stage == .cancelling else {
        return terminate(
          "command \(answer.commandID) was not cancelled, but its cancellation was answered",
          into: &actions)
      }
      accept(.cancellation(answer), answer.change, now: now, into: &actions)
    case .streamed(let message):
      streamed(message, into: &actions)
    case .failure(let id, let description):
      failed(id, description, now: now, into: &actions)
    case .empty:
      terminate("a message without content", into: &actions)
    }
  }

  /// Makes the change that comes with an answer, then deals with the answer itself.
  private mutating func accept(
    _ source: PendingReply.Source, _ change: RequestedChange?, now: UInt64,
    into actions: inout [ReplicatedAction]
  ) {
    // Late changes of what is deleted are dropped.
    guard let change, phase == .active else {
      return settle(source, confirmation: nil, now: now, into: &actions)
    }
    let delta: FunctionDelta?
    switch change.change {
    case .update(let update): delta = update
    case .delete: delta = nil
    case .unreadable:
      return terminate("a state action without a change", into: &actions)
    }
    writing.append(PendingReply(source: source, change: change))
    actions.append(
      .write(WriteOrder(delta: delta, seen: mirror.seen, consistency: change.consistency)))
  }

  /// The change was made, as number ``lastWrite`` + 1, or refused. Of a deletion, the change is `nil`.
  package mutating func written(
    _ result: Result<ReplicatedValue?, ReplicaRefusal>, now: UInt64,
    into actions: inout [ReplicatedAction]
  ) {
    guard let next = writing.popFirst() else { return }
    guard let pending = next else {
      if case .success = result { lastWrite += 1 }
      return
    }
    switch result {
    case .failure(.refused(let reason)):
      terminate(reason, into: &actions)
    case .failure(.deleted):
      // Deleted elsewhere. This change is dropped; the function hears of it now, not when it is next idle,
      // or it would go on with changes that are dropped too.
      if phase == .active {
        actions.append(.sendDelete)
        actions.append(.endStream)
        becomeDeleted(into: &actions)
      }
      settle(pending.source, confirmation: nil, now: now, into: &actions)
    case .success(let change):
      lastWrite += 1
      if case .update(let delta) = pending.change.change, let change {
        mirror.record(delta, change: change)
        if delta.mayBeOverruled { mayDiffer = true }
      }
      // First, so that no queued command still goes to the function.
      if pending.change.change == .delete, phase == .active {
        actions.append(.endStream)
        becomeDeleted(into: &actions)
      }
      settle(
        pending.source,
        confirmation: pending.change.consistency == .local ? nil : lastWrite, now: now,
        into: &actions)
    }
  }

  /// Deals with an answer of the function whose change, if it had one, is made.
  private mutating func settle(
    _ source: PendingReply.Source, confirmation: UInt64?, now: UInt64,
    into actions: inout [ReplicatedAction]
  ) {
    outstanding -= 1
    switch source {
    case .reply(let reply):
      replied(reply, confirmation: confirmation, now: now, into: &actions)
    case .cancellation(let answer):
      finish(answer.commandID)
      outbox.add(answer.sideEffects, after: lastWrite)
    }
    release(into: &actions)
    if phase == .active {
      compareIfQuiet(into: &actions)
      advance(now: now, into: &actions)
    }
  }

  private mutating func replied(
    _ reply: ReplicatedReply, confirmation: UInt64?, now: UInt64,
    into actions: inout [ReplicatedAction]
  ) {
    guard var call = calls[reply.commandID] else { return }
    let answer = Self.answer(reply.action, reply.sideEffects)
    if call.isAbandoned {
      outbox.add(reply.sideEffects, after: lastWrite)
      guard reply.isStreamed else { return finish(reply.commandID) }
      return cancel(reply.commandID, call, now: now, into: &actions)
    }
    outbox.add(
      .answer(answer, isLast: !reply.isStreamed), to: call.ticket, after: lastWrite,
      confirmation: confirmation)
    guard reply.isStreamed else { return finish(reply.commandID) }
    call.stage = .streaming
    calls[reply.commandID] = call
  }

  private mutating func streamed(
    _ message: StreamedMessage, into actions: inout [ReplicatedAction]
  ) {
    // Nobody waits for it: the client has gone, or it crossed with the end. That is no mistake.
    guard let call = calls[message.commandID], call.stage != .cancelling else {
      if message.commandID > lastCommandID || message.commandID < 1 {
        actions.append(
          .report("Received streamed message for unknown command id: \(message.commandID)"))
      }
      return
    }
    guard call.stage == .streaming else {
      return terminate(
        "a streamed message came before the reply to command \(message.commandID)", into: &actions)
    }
    if message.action != nil || !message.sideEffects.isEmpty {
      tell(
        .answer(Self.answer(message.action, message.sideEffects), isLast: message.endsStream), call)
    } else if message.endsStream {
      tell(.end(nil), call)
    }
    if message.endsStream { finish(message.commandID) }
    release(into: &actions)
  }

  private mutating func failed(
    _ id: Int64, _ description: String, now: UInt64, into actions: inout [ReplicatedAction]
  ) {
    guard id != 0, let call = calls[id] else {
      return terminate(
        id == 0
          ? "the function declared the entity broken: \(description)"
          : "unexpected failure of command \(id): \(description)", into: &actions)
    }
    tell(.answer(CommandAnswer(.failure(description)), isLast: true), call)
    if call.stage != .streaming { outstanding -= 1 }
    if call.stage == .cancelling { failedCancellations.insert(id) }
    finish(id)
    release(into: &actions)
    guard phase == .active else { return }
    compareIfQuiet(into: &actions)
    advance(now: now, into: &actions)
  }

  private static func answer(
    _ action: FunctionAction?, _ effects: [SideEffect]
  ) -> CommandAnswer {
    let outcome: CommandOutcome =
      switch action {
      case .reply(let payload): .reply(payload)
      case .forward(let call): .forward(call)
      case .failure(let description, _): .failure(description)
      case nil: .reply(nil)
      }
    return CommandAnswer(outcome, effects: effects)
  }

  // MARK: Durability

  /// A change has come further.
  package mutating func progressed(
    _ write: UInt64, _ progress: WriteProgress, now: UInt64,
    into actions: inout [ReplicatedAction]
  ) {
    switch progress {
    case .durable: durableWrites = max(durableWrites, write)
    case .confirmed: outbox.confirm(write)
    case .unconfirmed:
      if let ticket = outbox.fail(write, with: Self.inconsistent), let id = commandIDs[ticket],
        let call = calls[id]
      {
        // The function has accepted the stream, and its caller is about to hear the end of it.
        cancel(id, call, now: now, into: &actions)
      }
      actions.append(.report(Self.inconsistent.message))
    case .failed(let error):
      // Nothing that was decided on this change may be told.
      for letter in outbox.failAll(with: error) {
        post(letter, into: &actions)
        if case .news(let ticket, _) = letter, let id = commandIDs[ticket] { finish(id) }
      }
      durableWrites = max(durableWrites, write)
      // Changes behind it fail too; the first one has ended the stream.
      if phase == .active || phase == .deleted {
        terminate("a change could not be stored: \(error.message)", into: &actions)
      }
    }
    release(into: &actions)
    switch phase {
    case .active, .dormant: advance(now: now, into: &actions)
    case .deleted where isStopping: _ = passivate(into: &actions)
    case .opening, .waiting, .closing, .deleted: break
    }
  }

  mutating func tell(_ news: CallerNews, _ call: OpenCall) {
    guard call.stage != .cancelling, !call.isAbandoned else { return }
    outbox.add(news, to: call.ticket, after: lastWrite)
  }

  mutating func release(into actions: inout [ReplicatedAction]) {
    for letter in outbox.release(durable: durableWrites) { post(letter, into: &actions) }
  }

  private func post(_ letter: ReplyOutbox.Letter, into actions: inout [ReplicatedAction]) {
    switch letter {
    case .news(let ticket, let news): actions.append(.tell(ticket, news))
    case .effects(let effects): actions.append(.runEffects(effects))
    }
  }
}

extension FunctionDelta {
  /// Whether the replicated value may take the change otherwise than the function did: a register keeps a newer
  /// write, a map skips entries that are gone, and of votes the function knows its own only.
  fileprivate var mayBeOverruled: Bool {
    switch self {
    case .gcounter, .pncounter, .gset, .orset, .flag: false
    case .lwwregister, .ormap, .vote: true
    }
  }
}
