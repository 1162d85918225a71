package import CloudstateModel
package import ShardStore

extension EntityMachine {
  /// The machine may open a stream now.
  package mutating func streamGranted(now: UInt64, into actions: inout [EntityAction]) {
    guard phase == .waiting else {
      // The wish is gone (the node is stopping): hand the slot on.
      actions.append(.declineStream)
      return
    }
    phase = .recovering
    recoveryProgressAt = now
    reopensEagerly = false
    hasSentInit = false
    lastSequence = .none
    lastCommandID = 0
    commandsThisTurn = 0
    actions.append(.openStream)
    actions.append(.recover(after: nil))
  }

  /// No stream is to be had: too many entities wait already.
  package mutating func streamDenied(
    _ error: CommandError, now: UInt64, into actions: inout [EntityAction]
  ) {
    guard phase == .waiting else { return }
    phase = .dormant
    reopensEagerly = false
    failQueue(error, into: &actions)
    advance(now: now, into: &actions)
  }

  /// A page of the journal has been read.
  package mutating func recovered(
    _ result: Result<RecoveryPage, StoreError>, now: UInt64, into actions: inout [EntityAction]
  ) {
    guard phase == .recovering else { return }
    recoveryProgressAt = now
    switch result {
    case .failure(let error):
      failRecovery(error.message, into: &actions)
    case .success(let page):
      if !hasSentInit {
        hasSentInit = true
        lastSequence = page.snapshot?.sequence ?? .none
        actions.append(.sendInit(page.snapshot))
      }
      for event in page.events {
        guard event.sequence == lastSequence.next else {
          failRecovery(
            "event \(lastSequence.next) is missing from the journal, \(event.sequence) follows",
            into: &actions)
          return
        }
        lastSequence = event.sequence
      }
      if !page.events.isEmpty { actions.append(.sendEvents(page.events)) }
      if page.hasMore {
        actions.append(.recover(after: lastSequence))
      } else {
        phase = .active
        advance(now: now, into: &actions)
      }
    }
  }

  private mutating func failRecovery(_ reason: String, into actions: inout [EntityAction]) {
    failQueue(
      CommandError(.recoveryFailed, "\(kind.recoveryError): \(reason)"), into: &actions)
    close(gracefully: false, into: &actions)
  }

  /// The stream has ended, for whatever reason.
  package mutating func streamEnded(
    _ end: StreamEnd, now: UInt64, into actions: inout [EntityAction]
  ) {
    switch phase {
    case .recovering, .active:
      if case .unreachable(let reason) = end {
        failAll(CommandError(.functionUnavailable, reason), into: &actions)
      } else {
        failAll(kind.crash(.unexpectedTermination), into: &actions)
      }
    case .closing:
      break
    case .dormant, .waiting, .settling:
      return
    }
    actions.append(.releaseStream)
    phase = .settling
    settleIfDurable(now: now, into: &actions)
  }

  /// From settling to dormant once every submitted batch has its outcome.
  mutating func settleIfDurable(now: UInt64, into actions: inout [EntityAction]) {
    guard phase == .settling, submittedBatches == settledBatches else { return }
    phase = .dormant
    advance(now: now, into: &actions)
  }

  // MARK: Ends

  /// The function broke the rules (proxy behaviour, section 7.5): the caller, then the queue, then the
  /// stream. Answers that only wait for their batch are not touched.
  mutating func crash(_ code: CommandError.Code, into actions: inout [EntityAction]) {
    crash(kind.crash(code), into: &actions)
  }

  private mutating func crash(_ error: CommandError, into actions: inout [EntityAction]) {
    failAll(error, into: &actions)
    close(gracefully: false, into: &actions)
  }

  private mutating func failAll(_ error: CommandError, into actions: inout [EntityAction]) {
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

  /// The node gives the entity up: what is queued is finished, nothing new is taken, then it ends.
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
}
