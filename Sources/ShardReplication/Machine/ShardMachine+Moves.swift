import CloudstateModel

// A planned move, as its source sees it: everything comes to rest, so that the target begins where this node
// ended.
extension ShardMachine {
  /// Whether the plan wants this node to put the shard to rest for its new primary.
  private var isFenceDue: Bool {
    guard let move, move.phase == .fenced, move.source == nodeID else { return false }
    return assignment?.inSync.contains(move.target) == true
  }

  /// Begins, or ends, what the plan's move asks for.
  mutating func followMove(now: Uptime, into actions: inout [ShardAction]) {
    if move?.phase != .fenced { fenceFailed = false }
    switch phase {
    case .serving:
      guard isFenceDue, !fenceFailed else { return }
      phase = .fencing
      fenceSince = now
      hasHandedOver = false
      isLeaseReleased = false
      actions.append(.handOver)
    case .fencing, .fenced:
      if !isFenceDue { resume(into: &actions) }
    case .idle, .copy, .opening, .joining, .stalled, .deposed, .failed:
      break
    }
  }

  /// Nothing of the shard runs any more.
  package mutating func handedOver(now: Uptime, into actions: inout [ShardAction]) {
    guard phase == .fencing, !hasHandedOver else { return }
    hasHandedOver = true
    askForRelease(now: now, into: &actions)
    finishFence(now: now, into: &actions)
  }

  /// Sends the target an append that ends the lease it granted, with the last positions of consumers; once, as
  /// soon as it follows.
  mutating func askForRelease(now: Uptime, into actions: inout [ShardAction]) {
    guard phase == .fencing, hasHandedOver, leaseLetGoBy == nil, let target = move?.target,
      var copy = copies[target], copy.phase == .streaming
    else {
      return
    }
    emit([], to: &copy, target, now: now, into: &actions)
    copies[target] = copy
  }

  /// The fence is closed when the target has everything.
  mutating func finishFence(now: Uptime, into actions: inout [ShardAction]) {
    guard phase == .fencing, hasHandedOver, isLeaseReleased, confirmed == end.position,
      let target = move?.target, copies[target]?.acknowledged == end.position,
      copies[target]?.sentConsumers == consumersVersion
    else { return }
    phase = .fenced
    fenceSince = now
  }

  /// Gives a fence up that could not be closed, or that no plan has made use of.
  mutating func reviewFence(now: Uptime, into actions: inout [ShardAction]) {
    switch phase {
    case .fencing:
      guard now.since(fenceSince) >= settings.fenceTimeout.asNanoseconds else { return }
      fenceFailed = true
      resume(into: &actions)
    case .fenced:
      guard now.since(fenceSince) >= settings.fencedTimeout.asNanoseconds else { return }
      fenceFailed = true
      resume(into: &actions)
    case .idle, .copy, .opening, .joining, .serving, .stalled, .deposed, .failed:
      break
    }
  }

  /// Takes commands again.
  private mutating func resume(into actions: inout [ShardAction]) {
    phase = .serving
    forgetHandOver()
    recomputeLease()
    actions.append(.serve(epoch, leaseEnd: leaseEnd))
  }

  /// The fence is over without a new primary: who was asked to let its lease go is asked for another one.
  mutating func forgetHandOver() {
    if let node = leaseLetGoBy {
      // Answers to what was sent before say nothing of a lease any more.
      copies[node]?.startAfresh()
      copies[node]?.confirmedAt = nil
    }
    leaseLetGoBy = nil
    hasHandedOver = false
    isLeaseReleased = false
  }
}
