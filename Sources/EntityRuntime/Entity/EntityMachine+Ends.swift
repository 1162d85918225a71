import CloudstateModel
import DequeModule

extension EntityMachine {
  /// The function broke the rules (proxy behaviour, section 7.5): the caller, then the queue, then the
  /// stream. Answers that only wait for their batch are not touched.
  mutating func crash(_ code: CommandError.Code, into actions: inout [EntityAction]) {
    crash(kind.crash(code), into: &actions)
  }

  private mutating func crash(_ error: CommandError, into actions: inout [EntityAction]) {
    failAll(error, into: &actions)
    close(gracefully: false, into: &actions)
  }

  mutating func failAll(_ error: CommandError, into actions: inout [EntityAction]) {
    if let command = takeOutstanding() {
      actions.append(.complete(command.ticket, .error(error)))
    }
    let queued =
      error.code == .functionUnavailable ? error : kind.crash(.entityTerminated)
    failQueue(queued, into: &actions)
  }

  mutating func close(gracefully: Bool, into actions: inout [EntityAction]) {
    phase = .closing
    actions.append(gracefully ? .endStream : .resetStream)
  }

  /// The entity has been idle long enough, or its stream is wanted elsewhere.
  ///
  /// - Returns: whether the entity agreed.
  package mutating func passivate(into actions: inout [EntityAction]) -> Bool {
    guard isIdle else { return false }
    close(gracefully: true, into: &actions)
    return true
  }

  /// The function has not answered the outstanding command in the time a routed command may take. The
  /// function's state is unknown from here on, so the entity starts again from its journal.
  package mutating func commandTimedOut(into actions: inout [EntityAction]) {
    guard phase == .active, case .atFunction = outstanding else { return }
    crash(
      CommandError(.timeout, "the user function did not answer the command in time"),
      into: &actions)
  }

  /// The function does not take the journal: nothing has moved for as long as a command may take.
  package mutating func recoveryTimedOut(into actions: inout [EntityAction]) {
    guard phase == .recovering else { return }
    failQueue(
      CommandError(.timeout, "the user function did not take the entity's journal in time"),
      into: &actions)
    close(gracefully: false, into: &actions)
  }

  /// The function has not closed its side after the half-close in time.
  package mutating func closeTimedOut(into actions: inout [EntityAction]) {
    guard phase == .closing else { return }
    actions.append(.resetStream)
  }

  /// The node stops: what is queued is finished, nothing new is taken, then it ends.
  package mutating func stop(now: UInt64, into actions: inout [EntityAction]) {
    isStopping = true
    reopensEagerly = false
    switch phase {
    case .active, .dormant:
      advance(now: now, into: &actions)
    case .waiting:
      guard queue.isEmpty else { return }
      phase = .dormant
      advance(now: now, into: &actions)
    case .recovering, .closing, .settling:
      break
    }
  }

  /// The entity's shard leaves this node: what has not begun is refused, what is with the function is finished,
  /// then the entity ends. Until then it refuses commands, also if the shard comes back.
  package mutating func handOver(now: UInt64, into actions: inout [EntityAction]) {
    guard !isHandingOver else { return }
    isHandingOver = true
    reopensEagerly = false
    if case .checkingKey(let command) = outstanding {
      outstanding = .none
      actions.append(.complete(command.ticket, .error(Self.leaving)))
    }
    failQueue(Self.leaving, into: &actions)
    switch phase {
    case .active:
      // What is with the function is finished first.
      if case .none = outstanding { close(gracefully: true, into: &actions) }
    case .recovering:
      close(gracefully: false, into: &actions)
    case .dormant, .waiting:
      phase = .dormant
      advance(now: now, into: &actions)
    case .closing, .settling:
      break
    }
  }

  /// The entity's shard has left this node: everything ends at once. Nobody knows what becomes of what the
  /// store or the function was given; the rest has not happened.
  package mutating func giveUp(
    because reason: String, now: UInt64, into actions: inout [EntityAction]
  ) {
    guard !isGivenUp else { return }
    isGivenUp = true
    isHandingOver = true
    reopensEagerly = false
    let unknown = CommandError.outcomeUnknown(because: reason)
    let unavailable = CommandError.notDone(because: reason)
    while let release = releases.popFirst() {
      actions.append(
        .complete(
          release.ticket, .error(release.positionBatch == nil ? unavailable : unknown)))
    }
    let isAtFunction = if case .atFunction = outstanding { true } else { false }
    if let command = takeOutstanding() {
      actions.append(.complete(command.ticket, .error(isAtFunction ? unknown : unavailable)))
    }
    failQueue(unavailable, into: &actions)
    undurableAnswers.removeAll()
    unsettledBatchesHoldEvents.removeAll()
    settledBatches = submittedBatches
    switch phase {
    case .active, .recovering, .closing:
      // A stream that is closing could do so for long.
      close(gracefully: false, into: &actions)
    case .settling, .dormant, .waiting:
      phase = .dormant
      advance(now: now, into: &actions)
    }
  }

  static let stopping = CommandError(
    .stopping, "the node is stopping; send the command again, another node will take it")
  static let leaving = CommandError(
    .shardUnavailable, "the entity's shard is leaving this node; retry, another node will take it")
}

extension CommandError {
  /// The shard was lost before a command's outcome was known.
  static func outcomeUnknown(because reason: String) -> CommandError {
    CommandError(
      .outcomeUnknown,
      "the entity's shard left this node before the outcome was known (\(reason)); repeat the command with the "
        + "same idempotency key")
  }

  /// The shard was lost before a command left a trace.
  static func notDone(because reason: String) -> CommandError {
    CommandError(
      .shardUnavailable,
      "the entity's shard left this node before anything was stored (\(reason)); retry")
  }
}
