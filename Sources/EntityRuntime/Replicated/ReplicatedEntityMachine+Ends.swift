import CloudstateModel
import DequeModule

extension ReplicatedEntityMachine {
  /// The function broke the rules, or the entity cannot go on: everyone is told, and the next command starts
  /// it again (proxy behaviour, section 9.8).
  mutating func terminate(_ reason: String, into actions: inout [ReplicatedAction]) {
    actions.append(.report(reason))
    failCalls(Self.terminating, into: &actions)
    guard hasStream, phase == .active else { return }
    phase = .closing
    actions.append(.resetStream)
  }

  /// The stream has ended, for whatever reason.
  package mutating func streamEnded(
    _ end: StreamEnd, now: UInt64, into actions: inout [ReplicatedAction]
  ) {
    guard hasStream else { return }
    hasStream = false
    switch phase {
    case .active, .waiting:
      if case .unreachable(let reason) = end {
        let error = CommandError(.functionUnavailable, reason)
        failCalls(error, into: &actions)
        failQueue(error, into: &actions)
      } else {
        actions.append(.report("Unexpected entity termination due to stream closure"))
        failCalls(Self.terminating, into: &actions)
      }
      phase = .dormant
    case .deleted:
      // Whoever follows the entity has seen its end.
      for (id, call) in calls.sorted(by: { $0.key < $1.key }) {
        tell(.end(call.stage == .streaming ? nil : Self.deleted), call)
        finish(id)
      }
      outstanding = 0
      for index in writing.indices { writing[index] = nil }
      release(into: &actions)
    case .closing:
      phase = .dormant
    case .dormant, .opening:
      break
    }
    actions.append(.releaseStream)
    if isStopping, phase == .deleted { _ = passivate(into: &actions) }
    advance(now: now, into: &actions)
  }

  /// The entity does not exist any more, and never will again.
  mutating func becomeDeleted(into actions: inout [ReplicatedAction]) {
    isDeleted = true
    phase = .deleted
    failQueue(Self.deleted, into: &actions)
  }

  func retirement(into actions: inout [ReplicatedAction]) {
    if holdsCopy { actions.append(.closeCopy) }
    actions.append(.retire)
  }

  /// The entity may be forgotten once nobody waits for it.
  mutating func retireIfSettled(into actions: inout [ReplicatedAction]) {
    guard !isRetired, phase == .dormant, !hasStream, queue.isEmpty, isSettled else { return }
    isRetired = true
    retirement(into: &actions)
    holdsCopy = false
  }

  mutating func failQueue(_ error: CommandError, into actions: inout [ReplicatedAction]) {
    while let next = queue.popFirst() {
      if next.isStreamed { openStreams -= 1 }
      outbox.add(.end(error), to: next.ticket, after: lastWrite)
    }
    release(into: &actions)
  }

  /// Everything that was decided before is still told.
  private mutating func failCalls(
    _ error: CommandError, into actions: inout [ReplicatedAction]
  ) {
    for (id, call) in calls.sorted(by: { $0.key < $1.key }) {
      tell(.end(error), call)
      finish(id)
    }
    outstanding = 0
    for index in writing.indices { writing[index] = nil }
    release(into: &actions)
  }

  /// All followers get a normal end.
  mutating func endStreams(into actions: inout [ReplicatedAction]) {
    for (id, call) in calls.sorted(by: { $0.key < $1.key }) where call.stage == .streaming {
      tell(.end(nil), call)
      finish(id)
    }
    release(into: &actions)
  }
}
