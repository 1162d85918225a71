package import CloudstateModel
package import ShardStore

extension EntityMachine {
  /// The machine may open a stream now.
  package mutating func streamGranted(now: UInt64, into actions: inout [EntityAction]) {
    guard phase == .waiting else {
      // The wish is gone: hand the slot on.
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
}
