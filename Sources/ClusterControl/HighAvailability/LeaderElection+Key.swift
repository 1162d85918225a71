// The key of the leader: asking for it, watching it, having it, and giving it up.

extension LeaderElection {
  mutating func ask() -> [Action] {
    guard case .held(let held) = lease else { return [] }
    isAsking = true
    askAt = nil
    return [.ask(lease: held.id)]
  }

  /// - Parameter lease: with which the key was to be made.
  package mutating func answered(
    _ answer: Answer, lease asked: Int64, at now: Duration
  ) -> [Action] {
    isAsking = false
    guard !isIdle else { return [] }
    // Before a lease is asked for anew, its predecessor is given up, and the key with it.
    guard case .held(let held) = lease, held.id == asked else {
      askAt = now
      return [.revoke(lease: asked)] + wake(at: now)
    }
    failures = 0
    switch answer {
    case .made(let revision): return own(revision, watchFrom: revision + 1)
    case .found(_, held.id, let made, let readAt): return own(made, watchFrom: readAt + 1)
    case .found(card, let former, let made, let readAt):
      if isLeading { return yield("the key of the leader is another one") }
      // Left over from a term of this coordinator that ended without etcd, or of its process before this one: nobody
      // else can be at its endpoint. Nobody needs to wait for that lease.
      askAt = nextAsk(readAt: readAt, held, at: now)
      return follow(nil, made: made) + beginWatch(from: readAt + 1)
        + [.revoke(lease: former)] + wake(at: now)
    case .found(let card, _, let made, let readAt):
      if isLeading { return yield("another coordinator leads") }
      askAt = nextAsk(readAt: readAt, held, at: now)
      return follow(card, made: made) + beginWatch(from: readAt + 1) + wake(at: now)
    }
  }

  /// When to look at a key again that was found at a revision. The watch may have been faster than the answer.
  private func nextAsk(readAt: Int64, _ held: Lease, at now: Duration) -> Duration {
    readAt < lastDeleted ? now : now + held.timeToLive
  }

  package mutating func askingFailed(_ reason: String, at now: Duration) -> [Action] {
    isAsking = false
    guard !isIdle else { return [] }
    askAt = now + Self.retryDelay
    return failed("etcd does not tell who leads: \(reason)")
  }

  /// The key was made by this candidate at `fence`.
  private mutating func own(_ fence: Int64, watchFrom revision: Int64) -> [Action] {
    if case .leading(let known) = role {
      return known == fence
        ? beginWatch(from: revision) : yield("the key of the leader is gone")
    }
    role = .leading(fence: fence)
    return beginWatch(from: revision) + [.lead(fence: fence)]
  }

  private mutating func follow(_ card: LeaderCard?, made: Int64) -> [Action] {
    guard role != .following(card, made: made) else { return [] }
    role = .following(card, made: made)
    return [.follow(card)]
  }

  // MARK: The watch

  private mutating func beginWatch(from revision: Int64) -> [Action] {
    guard !isWatching else { return [] }
    isWatching = true
    return [.watch(from: revision)]
  }

  /// The watch tells of a key that was made at a revision.
  package mutating func keyMade(
    _ card: LeaderCard?, revision: Int64, at now: Duration
  ) -> [Action] {
    switch role {
    // A watch may tell late what an answer has told before.
    case .leading(let fence):
      return revision > fence ? yield("another coordinator leads") : []
    case .following(_, let made) where made >= revision: return []
    case .candidate, .following: return follow(card, made: revision)
    case .yielding, .stopped: return []
    }
  }

  /// The watch tells of the key's end at a revision.
  package mutating func keyDeleted(revision: Int64, at now: Duration) -> [Action] {
    lastDeleted = max(lastDeleted, revision)
    switch role {
    case .leading(let fence):
      return revision > fence ? yield("the key of the leader is gone") : []
    case .following(_, let made) where made > revision: return []
    case .candidate, .following:
      role = .candidate
      askAt = now
      return [.follow(nil)] + wake(at: now)
    case .yielding, .stopped: return []
    }
  }

  /// The watch is over: its connection broke, or what it should tell has been compacted away. What happened since
  /// is not known, so the key is asked for.
  package mutating func watchEnded(at now: Duration) -> [Action] {
    guard isWatching else { return [] }
    isWatching = false
    guard !isIdle else { return [] }
    askAt = min(askAt ?? now + Self.retryDelay, now + Self.retryDelay)
    return wake(at: now)
  }

  // MARK: Ending

  /// A write of the leader was refused because its fence is down, or it cannot lead for another reason.
  package mutating func refuted(_ reason: String, at now: Duration) -> [Action] {
    guard isLeading else { return [] }
    let actions = yield(reason)
    // What refuses every write would refuse those of the next term, too, as fast as it is asked.
    lease = .none(retryAt: now + Self.retryDelay)
    return actions
  }

  /// The leader has stopped leading: now another may, and this candidate stands again.
  package mutating func yielded(at now: Duration) -> [Action] {
    guard case .yielding(let lease) = role else { return [] }
    role = .candidate
    return (lease.map { [.revoke(lease: $0)] } ?? []) + wake(at: now)
  }

  /// Ends all activity and gives the lease up, so that another need not wait for its end. Whoever led has stopped
  /// before.
  package mutating func stop() -> [Action] {
    var actions = endWatch()
    if case .yielding(let lease?) = role { actions.append(.revoke(lease: lease)) }
    if case .held(let held) = lease { actions.append(.revoke(lease: held.id)) }
    role = .stopped
    return actions
  }

  mutating func yield(_ reason: String) -> [Action] {
    let actions = [.yield(reason: reason), .follow(nil)] + endWatch()
    if case .held(let held) = lease {
      role = .yielding(lease: held.id)
    } else {
      role = .yielding(lease: nil)
    }
    lease = .none(retryAt: .zero)
    askAt = nil
    return actions
  }

  private mutating func endWatch() -> [Action] {
    guard isWatching else { return [] }
    isWatching = false
    return [.endWatch]
  }
}
