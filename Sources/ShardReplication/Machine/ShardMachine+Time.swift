import CloudstateModel

// What time does: leases, signs of life, copies that do not follow.
extension ShardMachine {
  /// Looks at the clock; due every ``ShardReplicationSettings/keepAlive`` half at least while the shard has
  /// copies or waits for something.
  package mutating func tick(now: Uptime, into actions: inout [ShardAction]) {
    guard isPrimary else { return }
    deposeIfDue(now: now, into: &actions)
    reviewFence(now: now, into: &actions)
    for node in copies.keys.sorted() {
      pump(node, now: now, into: &actions)
      keepAlive(node, now: now, into: &actions)
    }
    stallIfDue(now: now, into: &actions)
    review(now: now, into: &actions)
  }

  /// Whether ``tick(now:into:)`` has anything to look at.
  package var needsTicks: Bool { isPrimary && (!copies.isEmpty || phase == .joining) }

  private mutating func keepAlive(
    _ node: NodeID, now: Uptime, into actions: inout [ShardAction]
  ) {
    guard isLeading, var copy = copies[node] else { return }
    switch copy.phase {
    case .streaming, .reading, .comparing: break
    case .unknown, .asked, .fetching, .unfit: return
    }
    guard copy.hasRoom(settings),
      now.since(copy.lastSentAt ?? 0) >= settings.keepAlive.asNanoseconds
    else { return }
    emit([], to: &copy, node, now: now, into: &actions)
    copies[node] = copy
  }

  // MARK: Lease

  /// When the last of those who could become primary stops waiting for this one.
  mutating func recomputeLease() {
    var end = Uptime.max
    for node in required {
      guard let confirmedAt = copies[node]?.confirmedAt else {
        end = 0
        break
      }
      end = min(end, confirmedAt.adding(settings.lease))
    }
    leaseEnd = end
  }

  /// Tells of another end of the lease: a later one, or, when a replica is waited for that was not before, one that
  /// depends on it too.
  mutating func renewLease(into actions: inout [ShardAction]) {
    guard phase == .serving || phase == .fencing else { return }
    let before = leaseEnd
    recomputeLease()
    if leaseEnd != before { actions.append(.extendLease(leaseEnd)) }
  }

  // MARK: Higher epochs

  /// A copy has seen a higher epoch. The plan that began it may be on its way here, and may leave this node the
  /// primary: until then nothing is wrong. What everyone required has under this epoch, any later primary has; the copy
  /// itself confirms nothing more and grants no lease.
  mutating func overtaken(by seen: Epoch, now: Uptime) {
    guard seen > seenEpoch else { return }
    seenEpoch = seen
    if overtakenSince == nil { overtakenSince = now }
    reportRevision += 1
  }

  /// The plan that is overdue says most likely that another node is primary.
  private mutating func deposeIfDue(now: Uptime, into actions: inout [ShardAction]) {
    guard isLeading, let overtakenSince,
      now.since(overtakenSince) >= settings.lease.asNanoseconds
    else { return }
    stopLeading(because: "a copy has seen epoch \(seenEpoch) of shard \(shard)", into: &actions)
    phase = .deposed
  }

  // MARK: Lagging

  /// Copies that are waited for and do not move.
  func lagging(now: Uptime) -> Set<NodeID> {
    guard isLeading else { return [] }
    return required.filter { node in
      guard let copy = copies[node] else { return false }
      if copy.phase == .unfit { return true }
      // A longer copy is what this one waits for.
      if copy.phase == .fetching { return false }
      return now.since(copy.progressAt) >= settings.laggingAfter.asNanoseconds
    }
  }

  /// Writes have waited for too long: whoever waits is told, and the shard rests until its copies agree.
  private mutating func stallIfDue(now: Uptime, into actions: inout [ShardAction]) {
    guard phase == .serving || phase == .fencing, let since = unconfirmedSince,
      now.since(since) >= settings.writeTimeout.asNanoseconds
    else { return }
    let reason =
      "replicas of shard \(shard) do not follow (\(required.sorted().map(\.text).joined(separator: ", ")))"
    actions.append(.giveUp(reason))
    actions.append(.failUnconfirmed(reason))
    actions.append(
      .report("\(reason); the shard rests until they do or a plan goes on without them"))
    phase = .stalled
    forgetHandOver()
    // What the store still holds of those who were given up must be settled before anyone reads the journal.
    openedEpoch = .none
    actions.append(.open(epoch, isReplicated: true))
  }
}
