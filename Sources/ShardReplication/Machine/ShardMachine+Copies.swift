package import CloudstateModel
package import ShardStore

// Bringing the other copies to where this one is.
extension ShardMachine {
  // MARK: Sending

  /// Sends a copy what it lacks, as far as there is room.
  mutating func pump(_ node: NodeID, now: Uptime, into actions: inout [ShardAction]) {
    guard isLeading, var copy = copies[node] else { return }
    defer { copies[node] = copy }
    if copy.phase == .unknown {
      guard now >= copy.retryAt else { return }
      ask(&copy, node, now: now, into: &actions)
      return
    }
    while copy.phase == .streaming, copy.sent.position < end.position, copy.hasRoom(settings) {
      if let deltas = recent.following(copy.sent.position, limit: settings.pageBytes) {
        send(deltas, to: &copy, node, now: now, into: &actions)
      } else {
        copy.phase = .reading
        actions.append(.read(for: node, after: copy.sent.position))
      }
    }
  }

  /// Asks a copy whether it follows, from where it is believed to end.
  private mutating func ask(
    _ copy: inout CopyProgress, _ node: NodeID, now: Uptime, into actions: inout [ShardAction]
  ) {
    if copy.mustStartOver, phase == .joining, now < joinAfter {
      // It may be the copy of the old primary, which reads from it for as long as this node has promised.
      copy.retryAt = joinAfter
      return
    }
    copy.phase = .asked
    if copy.mustStartOver, !required.contains(node) {
      copy.sent = .start
      copy.acknowledged = nil
      emit([], to: &copy, node, startsOver: true, now: now, into: &actions)
      return
    }
    // A copy that ends here answers with its own end otherwise.
    if copy.sent.position > end.position || copy.acknowledged == nil { copy.sent = end }
    emit([], to: &copy, node, now: now, into: &actions)
  }

  private mutating func send(
    _ deltas: [SealedDelta], to copy: inout CopyProgress, _ node: NodeID, now: Uptime,
    into actions: inout [ShardAction]
  ) {
    emit(deltas, to: &copy, node, now: now, into: &actions)
    if let last = deltas.last {
      copy.sent = CopyProgress.Place(position: last.position, epoch: last.epoch)
    }
  }

  mutating func emit(
    _ deltas: [SealedDelta], to copy: inout CopyProgress, _ node: NodeID, startsOver: Bool = false,
    now: Uptime, into actions: inout [ShardAction]
  ) {
    let bytes = deltas.reduce(0) { $0 + $1.bytes.count }
    let isFenceTarget = hasHandedOver && move?.target == node
    if isFenceTarget { leaseLetGoBy = node }
    let includesConsumers = copy.sentConsumers != consumersVersion
    let tag = CopySend.Tag(
      epoch: epoch, session: copy.session, sentAt: now, bytes: bytes,
      consumers: includesConsumers ? consumersVersion : nil, releasesLease: isFenceTarget)
    copy.inFlight += 1
    copy.inFlightBytes += bytes
    if assignment?.inSync.contains(node) == false { copy.copiedBytes += UInt64(bytes) }
    copy.lastSentAt = now
    actions.append(
      .send(
        CopySend(
          node: node, epoch: epoch, after: copy.sent.position, afterEpoch: copy.sent.epoch,
          deltas: deltas, startsOver: startsOver, includesConsumers: includesConsumers,
          releasesLease: isFenceTarget, tag: tag)))
  }

  /// The store has read deltas for a copy.
  package mutating func read(
    _ result: Result<[SealedDelta], StoreError>, for node: NodeID, now: Uptime,
    into actions: inout [ShardAction]
  ) {
    guard isLeading, var copy = copies[node], copy.phase == .reading else { return }
    switch result {
    case .success(let deltas):
      copy.phase = .streaming
      if let first = deltas.first, first.position == copy.sent.position.next {
        send(deltas, to: &copy, node, now: now, into: &actions)
      }
      copies[node] = copy
      pump(node, now: now, into: &actions)
    case .failure(let error):
      rest(&copy, now: now)
      copies[node] = copy
      if error.code == .corruptRecord { foundDamage(error.message, into: &actions) }
    }
  }

  // MARK: Answers

  /// A copy has answered an append, or cannot be reached.
  package mutating func answered(
    _ answer: CopyAnswer, by node: NodeID, now: Uptime, into actions: inout [ShardAction]
  ) {
    guard isLeading, answer.tag.epoch == epoch, var copy = copies[node] else { return }
    let isCurrent = answer.tag.session == copy.session
    if isCurrent {
      copy.inFlight -= 1
      copy.inFlightBytes -= answer.tag.bytes
    }
    switch answer.outcome {
    case .higherEpoch(let seen):
      if isCurrent { rest(&copy, now: now) }
      overtaken(by: seen, now: now)
    case .appended(let position):
      trust(&copy, answer.tag, position, isCurrent: isCurrent, now: now)
    case .mismatch(let theirs):
      if isCurrent {
        note(answer.tag, &copy)
        follow(theirs, &copy, node, now: now, into: &actions)
      }
    case .failed:
      if isCurrent { rest(&copy, now: now) }
    case .damaged:
      if isCurrent { giveUp(&copy, node, now: now) }
    }
    copies[node] = copy
    if isCurrent, answer.tag.releasesLease, case .appended(let position) = answer.outcome,
      node == move?.target, position >= end.position
    {
      isLeaseReleased = true
    }
    pump(node, now: now, into: &actions)
    review(now: now, into: &actions)
  }

  /// The copy has everything up to `position`.
  private func trust(
    _ copy: inout CopyProgress, _ tag: CopySend.Tag, _ position: Position, isCurrent: Bool,
    now: Uptime
  ) {
    guard isCurrent else { return }
    note(tag, &copy)
    copy.failures = 0
    if position > copy.acknowledged ?? .start || position >= end.position { copy.progressAt = now }
    copy.acknowledged = max(copy.acknowledged ?? .start, position)
    if let consumers = tag.consumers { copy.sentConsumers = consumers }
    if copy.phase == .asked {
      copy.phase = .streaming
      copy.mustStartOver = false
    }
  }

  /// The copy grants a lease with its answer, unless it was asked to let go of it.
  private func note(_ tag: CopySend.Tag, _ copy: inout CopyProgress) {
    if !tag.releasesLease { copy.confirmedAt = max(copy.confirmedAt ?? 0, tag.sentAt) }
  }

  /// The copy ends elsewhere than was thought.
  private mutating func follow(
    _ theirs: ShardEnd, _ copy: inout CopyProgress, _ node: NodeID, now: Uptime,
    into actions: inout [ShardAction]
  ) {
    let hasLost = phase != .joining && theirs.position < promised(by: node, copy)
    let isSure = copy.phase == .asked
    copy.startAfresh()
    copy.acknowledged = copy.acknowledged.map { min($0, theirs.position) }
    if hasLost, isSure {
      // It has lost what was acknowledged, so it must not become primary: the plan is to go on without it.
      refuse(&copy, node)
    } else if hasLost {
      // This may have been said before the last acknowledgement: it is asked anew.
      copy.acknowledged = nil
    } else if theirs.position <= end.position {
      copy.phase = .comparing
      actions.append(.compare(node, at: theirs))
    } else if phase == .joining, required.contains(node), canFetch {
      copy.phase = .fetching
      copy.progressAt = now
      actions.append(
        .fetch(node, after: end.position, afterEpoch: end.epoch, epoch: epoch))
    } else if phase == .joining, required.contains(node) {
      copy.progressAt = now
      rest(&copy, now: now)
    } else {
      refuse(&copy, node)
    }
  }

  /// What a copy must have while this primary serves: as one of the plan's in-sync set all that is confirmed; as one
  /// that only this primary waits for, which may still be behind, what it has acknowledged.
  private func promised(by node: NodeID, _ copy: CopyProgress) -> Position {
    if assignment?.inSync.contains(node) == true { return confirmed }
    return pending.contains(node) ? copy.acknowledged ?? .start : .start
  }

  /// One copy at a time is fetched from: both are beginnings of what the last primary had.
  private var canFetch: Bool { !copies.values.contains { $0.phase == .fetching } }

  /// The epoch of this node's batch where a copy ends; `nil` if it has none there.
  package mutating func compared(
    _ own: Result<Epoch?, StoreError>, at theirs: ShardEnd, of node: NodeID, now: Uptime,
    into actions: inout [ShardAction]
  ) {
    guard isLeading, var copy = copies[node], copy.phase == .comparing else { return }
    switch own {
    case .success(theirs.epoch):
      copy.phase = .streaming
      copy.sent = CopyProgress.Place(position: theirs.position, epoch: theirs.epoch)
      copy.acknowledged = theirs.position
    case .success: refuse(&copy, node)
    case .failure: rest(&copy, now: now)
    }
    copies[node] = copy
    pump(node, now: now, into: &actions)
    review(now: now, into: &actions)
  }

  /// The batches of a longer copy were appended here, up to the end given.
  package mutating func fetched(
    _ result: Result<ShardEnd, StoreError>, from node: NodeID, now: Uptime,
    into actions: inout [ShardAction]
  ) {
    guard phase == .joining, var copy = copies[node], copy.phase == .fetching else { return }
    copy.startAfresh()
    copy.progressAt = now
    switch result {
    case .success(let own):
      end = CopyProgress.Place(position: own.position, epoch: own.epoch)
      copy.sent = end
      copy.acknowledged = nil
    case .failure: rest(&copy, now: now)
    }
    copies[node] = copy
    // The others ask again: this copy has become longer.
    for other in copies.keys where other != node && copies[other]?.phase == .unfit {
      copies[other]?.startAfresh()
    }
    progressAll(now: now, into: &actions)
  }

  /// The copy is of another history: it is made anew, unless the plan relies on it.
  private func refuse(_ copy: inout CopyProgress, _ node: NodeID) {
    copy.startAfresh()
    copy.mustStartOver = true
    copy.acknowledged = nil
    // An empty primary is no reason to delete what may be the only copy there is.
    if required.contains(node) || end.position == .start { copy.phase = .unfit }
  }

  private func giveUp(_ copy: inout CopyProgress, _ node: NodeID, now: Uptime) {
    refuse(&copy, node)
    copy.failures += 1
    copy.retryAt = now.adding(settings.retryDelay)
  }

  /// Waits before the copy is asked again.
  private func rest(_ copy: inout CopyProgress, now: Uptime) {
    copy.startAfresh()
    let doublings = min(copy.failures, 4)
    copy.failures += 1
    copy.retryAt = now.adding(min(settings.retryDelay * (1 << doublings), settings.retryDelay * 10))
  }

  // MARK: Learners

  /// Waits from now on for learners that are close behind, so that a plan may make them in-sync. Not before the epoch
  /// is on this node's disk: a restart under the plan before, which knows nothing of them, must fail.
  mutating func offerLearners(now: Uptime) {
    guard let assignment, openedEpoch == epoch, phase == .serving || phase == .stalled else {
      return
    }
    for node in assignment.replicas where !required.contains(node) {
      guard let copy = copies[node], copy.phase == .streaming, let acknowledged = copy.acknowledged,
        acknowledged.number + settings.caughtUpLag >= end.position.number
      else { continue }
      pending.insert(node)
      copies[node]?.progressAt = now
    }
  }

  /// Replicas that a plan may make in-sync: what was acknowledged before they were waited for, they have.
  var caughtUp: Set<NodeID> {
    pending.filter { node in
      copies[node].flatMap(\.acknowledged).map { $0 >= confirmed } ?? false
        && copies[node]?.confirmedAt != nil
    }
  }
}
