package import CloudstateModel

/// One shard as one node sees it: whether the node is its primary, keeps a copy or has nothing of it, and, as
/// its primary, what the other copies have (design section 7).
///
/// ```
///                 assigned              opened               all in-sync copies are here,
///   idle, copy -----------> opening -----------> joining ---- the old lease is over ----> serving
///      ^                                                                              |  ^     |
///      | another is primary                                          move is due      v  |     v  copies do not follow
///      +---------------------------------------------------------- fenced <--- fencing  |   stalled
/// ```
///
/// A pure value: events in, actions out, the clock as an argument.
///
/// What makes it safe. A batch is sent to the copies only after it is synced here, so that within an epoch each
/// copy is a beginning of the primary's. It is confirmed, and thereby acknowledged and shown to readers, when
/// everyone in `required` has it: the in-sync replicas of the plan and those that this primary has offered as
/// such. Only those may become primary, so whoever does has all that was acknowledged. A copy refuses appends of
/// lower epochs than it has seen, so that a primary that was replaced confirms nothing more. Answers that
/// change nothing rest on leases: each answer to an append promises that the copy serves nobody for a while.
package struct ShardMachine: Sendable {
  package enum Phase: String, Hashable, Sendable {
    /// Nothing of the shard is here.
    case idle
    /// Another node is primary.
    case copy
    /// Primary; the store opens.
    case opening
    /// Primary; waits for the in-sync copies and for the end of the lease this node granted.
    case joining
    case serving
    /// Primary; nothing new is taken, what runs ends.
    case fencing
    /// Primary; all is at rest, the next plan moves the shard.
    case fenced
    /// Primary; the in-sync copies have not followed for too long.
    case stalled
    /// Primary by the newest plan that is known here, but a copy has seen a higher epoch for some time.
    case deposed
    /// Primary by the plan, but this node's copy cannot be used.
    case failed
  }

  package let shard: ShardID
  package let nodeID: NodeID
  package let settings: ShardReplicationSettings

  package internal(set) var phase = Phase.idle {
    didSet { if phase != oldValue { reportRevision += 1 } }
  }
  package internal(set) var assignment: ShardAssignment?
  /// The end of this copy; known while ``isEndKnown``.
  var end = CopyProgress.Place.start
  var isEndKnown = false
  /// The epoch under which the store has opened the shard: a restart of this node goes by no older plan.
  var openedEpoch = Epoch.none
  /// Everything up to here has been acknowledged by whoever had to.
  package internal(set) var confirmed = Position.start
  /// The newest batches, in order and without a gap up to ``end``.
  var recent = RecentDeltas()
  var copies: [NodeID: CopyProgress] = [:]
  /// Replicas that are waited for although no plan has them in-sync yet.
  var pending: Set<NodeID> = []
  /// When the oldest batch that is not confirmed was committed.
  var unconfirmedSince: Uptime?
  var joinAfter: Uptime = 0
  var leaseEnd: Uptime = 0
  var move: ShardMove?
  var fenceSince: Uptime = 0
  var hasHandedOver = false
  /// The target of the move has the last consumers' positions and has forgotten its lease.
  var isLeaseReleased = false
  /// The copy that was asked to forget the lease it granted, although this node is primary still.
  var leaseLetGoBy: NodeID?
  var fenceFailed = false
  var seenEpoch = Epoch.none
  /// When a copy was first seen to know a higher epoch.
  var overtakenSince: Uptime?
  var damage: String?
  /// Rises with each change that the coordinator waits for.
  package internal(set) var reportRevision: UInt64 = 0
  var offered: Set<NodeID> = []
  /// Rises with each change of a consumer's position.
  var consumersVersion: UInt64 = 0

  package init(shard: ShardID, nodeID: NodeID, settings: ShardReplicationSettings) {
    self.shard = shard
    self.nodeID = nodeID
    self.settings = settings
  }

  package var epoch: Epoch { assignment?.epoch ?? .none }

  /// Whether this node may write the shard as far as it knows.
  package var isPrimary: Bool {
    switch phase {
    case .idle, .copy: false
    case .opening, .joining, .serving, .fencing, .fenced, .stalled, .deposed, .failed: true
    }
  }

  /// Who must have a batch before it is confirmed.
  var required: Set<NodeID> {
    guard let assignment else { return [] }
    return pending.union(assignment.inSync)
  }

  /// Whether appends are sent: the shard is open here, and nobody else was seen to be primary.
  var isLeading: Bool {
    switch phase {
    case .joining, .serving, .fencing, .fenced, .stalled: isEndKnown
    case .idle, .copy, .opening, .deposed, .failed: false
    }
  }

  // MARK: Plans

  /// The newest assignment, and the shard's move if the plan has one under way. Older assignments than the known
  /// one are ignored.
  package mutating func assigned(
    _ new: ShardAssignment, move: ShardMove?, now: Uptime, into actions: inout [ShardAction]
  ) {
    if new.epoch > epoch {
      change(to: new, now: now, into: &actions)
    } else if new.epoch < epoch {
      return
    }
    self.move = move
    followMove(now: now, into: &actions)
  }

  private mutating func change(
    to new: ShardAssignment, now: Uptime, into actions: inout [ShardAction]
  ) {
    let wasPrimary = isPrimary
    let wasReplicated = assignment?.replicas.isEmpty == false
    let wasIdle = phase == .idle
    // The first plan after a start may find what an earlier run has left; a plan that did not come here may have made this
    // node a replica, of which only the primary has heard.
    let mayHaveLeftovers = assignment.map { new.epoch.number > $0.epoch.number + 1 } ?? true
    assignment = new
    pending = []
    seenEpoch = .none
    overtakenSince = nil
    fenceFailed = false
    if new.primary == nodeID {
      followReplicas(now: now)
      let goesOn = wasPrimary && phase != .deposed && phase != .failed && phase != .opening
      if !goesOn { phase = .opening }
      // Without copies nothing was told of commits.
      if !goesOn || !wasReplicated { isEndKnown = false }
      actions.append(.open(new.epoch, isReplicated: !new.replicas.isEmpty))
      if phase == .fencing || phase == .fenced {
        phase = .serving
        forgetHandOver()
      }
      if phase == .serving {
        recomputeLease()
        actions.append(.serve(new.epoch, leaseEnd: leaseEnd))
        confirmWhatMay(now: now, into: &actions)
      }
      return
    }
    if wasPrimary {
      stopLeading(because: "shard \(shard) has moved to node \(new.primary)", into: &actions)
      actions.append(.close)
    }
    copies = [:]
    if new.replicas.contains(nodeID) {
      phase = .copy
      if damage != nil { actions.append(.drop(new.epoch, mayBeEmpty: false)) }
    } else {
      phase = .idle
      if !wasIdle || mayHaveLeftovers {
        actions.append(.drop(new.epoch, mayBeEmpty: wasIdle))
      }
    }
    damage = nil
  }

  /// Keeps what is known of replicas that stay, under the new epoch.
  private mutating func followReplicas(now: Uptime) {
    let replicas = assignment?.replicas ?? []
    copies = copies.filter { replicas.contains($0.key) }
    for node in replicas where copies[node] == nil { copies[node] = CopyProgress(now: now) }
    for node in replicas {
      // What a copy is not fit for, it may be under the new plan, where it is no longer in-sync.
      copies[node]?.startAfresh()
      copies[node]?.retryAt = 0
      copies[node]?.progressAt = now
    }
  }

  // MARK: Serving

  /// Begins to serve once everything is in place.
  mutating func serveIfReady(now: Uptime, into actions: inout [ShardAction]) {
    switch phase {
    case .joining: guard now >= joinAfter else { return }
    case .stalled: guard openedEpoch == epoch else { return }
    default: return
    }
    guard isEndKnown else { return }
    let waitsFor = settings.ackPolicy == .local ? [] : required
    guard
      waitsFor.allSatisfy({ node in
        // What is known to be longer than this copy, or has not been asked, is no sign that this one is complete.
        guard let copy = copies[node], copy.phase == .streaming || copy.phase == .reading else {
          return false
        }
        return copy.acknowledged.map { $0 >= end.position } ?? false
      })
    else { return }
    confirmed = end.position
    unconfirmedSince = nil
    actions.append(.confirm(confirmed))
    recomputeLease()
    guard leaseEnd > now else { return }
    phase = .serving
    actions.append(.serve(epoch, leaseEnd: leaseEnd))
    followMove(now: now, into: &actions)
  }

  /// Batches are durable here, in order.
  package mutating func committed(
    _ deltas: [SealedDelta], now: Uptime, into actions: inout [ShardAction]
  ) {
    guard isLeading, let last = deltas.last else { return }
    for delta in deltas where delta.position > end.position {
      recent.append(delta, limit: settings.recentBytes)
    }
    if last.position > end.position {
      end = CopyProgress.Place(position: last.position, epoch: last.epoch)
      if unconfirmedSince == nil { unconfirmedSince = now }
    }
    confirmWhatMay(now: now, into: &actions)
    for node in copies.keys.sorted() { pump(node, now: now, into: &actions) }
  }

  /// Raises ``confirmed`` to what everyone required has.
  mutating func confirmWhatMay(now: Uptime, into actions: inout [ShardAction]) {
    guard isLeading, phase != .joining, phase != .stalled else { return }
    var reached = end.position
    if settings.ackPolicy == .inSync {
      for node in required { reached = min(reached, copies[node]?.acknowledged ?? .start) }
    }
    guard reached > confirmed else { return }
    confirmed = reached
    unconfirmedSince = confirmed < end.position ? now : nil
    actions.append(.confirm(confirmed))
  }

  /// After any news of copies: confirm, renew the lease, go on.
  mutating func progressAll(now: Uptime, into actions: inout [ShardAction]) {
    for node in copies.keys.sorted() { pump(node, now: now, into: &actions) }
    review(now: now, into: &actions)
  }

  mutating func review(now: Uptime, into actions: inout [ShardAction]) {
    confirmWhatMay(now: now, into: &actions)
    offerLearners(now: now)
    renewLease(into: &actions)
    serveIfReady(now: now, into: &actions)
    askForRelease(now: now, into: &actions)
    finishFence(now: now, into: &actions)
    noteOffers()
  }

  private mutating func noteOffers() {
    guard !pending.isEmpty || !offered.isEmpty else { return }
    let now = caughtUp
    if now != offered { reportRevision += 1 }
    offered = now
  }
}
