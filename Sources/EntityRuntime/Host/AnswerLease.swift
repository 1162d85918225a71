package import CloudstateModel
package import DequeModule

/// Until when answers of a shard may be given out, and those that wait for that to be extended: a pure value.
///
/// What a node answers is stale if another has taken over the shard meanwhile; the lease ends before one may
/// (design section 7). Errors of the machinery say nothing of an entity's state and need none.
package struct AnswerLease {
  /// An answer that is ready and may not be given out.
  package struct Held {
    package let ticket: CommandTicket
    package var answer: CommandAnswer
    package let since: UInt64
  }

  /// In nanoseconds of the monotonic clock; `.max` where no lease is needed.
  package private(set) var end: UInt64
  package private(set) var held: Deque<Held> = []

  package init(end: UInt64) { self.end = end }

  /// Whether `answer` may be given out. The clock is read only where there is a lease.
  package func admits(_ answer: CommandAnswer, now: @autoclosure () -> UInt64) -> Bool {
    if end == .max || now() <= end { return true }
    return if case .error = answer.outcome { true } else { false }
  }

  package mutating func hold(_ answer: CommandAnswer, for ticket: CommandTicket, now: UInt64) {
    held.append(Held(ticket: ticket, answer: answer, since: now))
  }

  /// Answers may be given out until `end`. Returns those that may now, in order.
  package mutating func extend(to end: UInt64, now: UInt64) -> [Held] {
    self.end = end
    guard now <= end else { return [] }
    defer { held.removeAll() }
    return Array(held)
  }

  /// Nobody waits for longer than `limit`. Returns those that do, with what they are told.
  package mutating func expire(after limit: UInt64, now: UInt64) -> [Held] {
    var expired: [Held] = []
    while let first = held.first, now >= first.since, now - first.since >= limit {
      held.removeFirst()
      expired.append(
        first.replaced(
          isStored: CommandError(
            .outcomeUnknown,
            "the command ran, but it could not be confirmed in time that this node still owns the entity; "
              + "repeat the command with the same idempotency key"),
          isNotStored: CommandError(
            .timeout,
            "it could not be confirmed in time that this node still owns the entity; nothing was stored, retry"
          )))
    }
    return expired
  }

  /// The shard is lost. Returns everything that waits, with what it is told.
  package mutating func giveUp(because reason: String) -> [Held] {
    defer { held.removeAll() }
    let unknown = CommandError.outcomeUnknown(because: reason)
    let notDone = CommandError.notDone(because: reason)
    return held.map { $0.replaced(isStored: unknown, isNotStored: notDone) }
  }
}

extension AnswerLease.Held {
  /// With an error in place of the answer, which depends on whether the command has left something lasting.
  fileprivate func replaced(isStored: CommandError, isNotStored: CommandError) -> Self {
    var other = self
    other.answer = .error(answer.commitment == nil ? isNotStored : isStored)
    return other
  }
}
