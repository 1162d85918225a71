import CloudstateModel

// Planned moves that are under way: copy, in-sync, fence, promotion, clearing up (design section 7).

extension CoordinatorMachine {
  /// The attempts to fence the primary of one move.
  struct Fence: Hashable, Sendable {
    var failures = 0
    /// When the fence was last decided.
    var since: Duration = .zero
    /// Not fenced again before.
    var pauseUntil: Duration?
  }

  /// While a shard is fenced its commands wait, and everything else that is decided takes disks and processors that they
  /// wait for: one shard is fenced at a time, and other steps wait for it. A fence that takes longer than this holds
  /// nothing up.
  static let fencePrecedence: Duration = .milliseconds(200)

  /// Whether commands of a shard wait for the next steps of its move.
  func isFencing(_ draft: PlanDraft, at now: Duration) -> Bool {
    draft.moves.contains { move in
      guard move.phase == .fenced || move.phase == .promoted, let since = fences[move.shard]?.since
      else { return false }
      return now - since < Self.fencePrecedence
    }
  }

  /// Ends the moves whose targets serve.
  mutating func finishMoves(_ draft: inout PlanDraft, at now: Moment) -> [Directive] {
    draft.moves.filter { $0.phase == .promoted }.flatMap { finish($0, &draft, at: now) }
  }

  /// Takes each other move and each new replica one step further, where it can go.
  mutating func advanceMoves(_ draft: inout PlanDraft, at now: Moment) -> [Directive] {
    var directives: [Directive] = []
    for move in draft.moves where move.phase != .promoted {
      directives += advance(move, &draft, at: now)
    }
    for place in runningSteps {
      guard case .add(let node)? = record.rebalance?.steps[place].action else { continue }
      directives += advanceAddition(place, of: node, &draft, at: now)
    }
    return directives
  }

  // MARK: Before the promotion

  private mutating func advance(
    _ move: ShardMove, _ draft: inout PlanDraft, at now: Moment
  ) -> [Directive] {
    let shard = move.shard
    guard let assignment = draft[shard] else { return [] }
    guard assignment.primary == move.source else {
      let isThere = assignment.primary == move.target
      end(
        move, isThere ? .done : .dropped,
        isThere ? "" : "node \(move.source) failed and node \(assignment.primary) took over",
        &draft,
        at: now)
      return []
    }
    if hasLostPrimary(assignment) {
      // Nobody could take over, so the copy that was begun may be the only other one: it stays.
      end(move, .dropped, "node \(move.source) failed", &draft, at: now)
      return []
    }
    if isDown(move.target) || knowledge.isUnusable(move.target, shard) {
      end(move, .dropped, "node \(move.target) failed", &draft, at: now)
      withdraw(move, &draft)
      return []
    }
    guard assignment.inSync.contains(move.target) else {
      if move.phase != .copying {
        draft.setPhase(.copying, of: shard, "node \(move.target) fell behind with")
        return []
      }
      guard let why = standstill(of: move.target, assignment, at: now.uptime) else { return [] }
      return giveUp(move, because: why, &draft, at: now)
    }
    standing[shard] = nil
    switch move.phase {
    case .copying: draft.setPhase(.caughtUp, of: shard, "node \(move.target) has all of")
    case .caughtUp: fence(move, &draft, at: now.uptime)
    case .fenced: return advanceFenced(move, assignment, &draft, at: now)
    case .promoted, .done: break
    }
    return []
  }

  private mutating func fence(_ move: ShardMove, _ draft: inout PlanDraft, at now: Duration) {
    guard isAlive(move.source), isAlive(move.target) else { return }
    if let pause = fences[move.shard]?.pauseUntil, now < pause { return }
    guard !isFencing(draft, at: now) else { return }
    fences[move.shard, default: Fence()].since = now
    draft.setPhase(.fenced, of: move.shard, "node \(move.source) is to fence")
  }

  private mutating func advanceFenced(
    _ move: ShardMove, _ assignment: ShardAssignment, _ draft: inout PlanDraft, at now: Moment
  ) -> [Directive] {
    let report = knowledge.report(under: assignment)
    if report?.isFenced == true, isUsable(move.target, for: move.shard) {
      promote(move, &draft)
      return []
    }
    // After a restart of this process the time counts from here.
    let since = fences[move.shard]?.since ?? now.uptime
    if fences[move.shard] == nil { fences[move.shard] = Fence(since: since) }
    let age = now.uptime - since
    // A word that came early may be about the attempt before; if it holds it is repeated.
    let hasFailed = report?.fenceFailed == true && age >= configuration.heartbeatInterval
    guard hasFailed || age >= configuration.rebalancing.fenceTimeout else { return [] }
    return fenceFailed(move, &draft, at: now)
  }

  private mutating func fenceFailed(
    _ move: ShardMove, _ draft: inout PlanDraft, at now: Moment
  ) -> [Directive] {
    let settings = configuration.rebalancing
    var fence = fences[move.shard] ?? Fence()
    fence.failures += 1
    guard fence.failures < settings.maximumFenceAttempts else {
      let outcome = "node \(move.source) could not be fenced in \(fence.failures) attempts"
      return giveUp(
        move, because: outcome, &draft, at: now, advice: "Commands there take too long to pause")
    }
    let pause = min(
      settings.maximumFencePause, settings.initialFencePause * (1 << min(fence.failures - 1, 16)))
    fence.pauseUntil = now.uptime + pause
    fences[move.shard] = fence
    draft.setPhase(.caughtUp, of: move.shard, "node \(move.source) could not fence")
    return []
  }

  /// The source has fenced itself: nothing is in flight, and the target has all of it. A source that keeps a copy
  /// has all of it, too, so it stays in-sync.
  private mutating func promote(_ move: ShardMove, _ draft: inout PlanDraft) {
    let keeps = runningStep(of: move.shard)?.keepsSource == true
    draft.assign(move.shard, "node \(move.target) takes over from \(move.source)") { next in
      next.primary = move.target
      next.replicas = next.replicas.filter { $0 != move.target } + [move.source]
      next.inSync = next.inSync.filter { $0 != move.target } + (keeps ? [move.source] : [])
    }
    draft.setPhase(.promoted, of: move.shard, "node \(move.target) is to serve")
  }

  // MARK: After the promotion

  private mutating func finish(
    _ move: ShardMove, _ draft: inout PlanDraft, at now: Moment
  ) -> [Directive] {
    guard let assignment = draft[move.shard] else { return [] }
    guard assignment.primary == move.target else {
      end(
        move, .dropped, "node \(move.target) failed and node \(assignment.primary) took over",
        &draft, at: now)
      return []
    }
    if hasLostPrimary(assignment) {
      // Nobody could take over, so the source's copy may be the only other one: it stays.
      end(move, .dropped, "node \(move.target) failed", &draft, at: now)
      return []
    }
    guard knowledge.report(under: assignment)?.isServing == true else {
      guard let why = standstill(ofPrimaryOf: assignment, at: now.uptime) else { return [] }
      end(move, .gaveUp, why, &draft, at: now)
      return [
        .report(
          "the move of shard \(move.shard) from \(move.source) to \(move.target) is not waited for any more: "
            + "\(why). Look into its log; the copy of node \(move.source) stays")
      ]
    }
    if runningStep(of: move.shard)?.keepsSource != true,
      assignment.replicas.contains(move.source)
    {
      draft.assign(move.shard, "node \(move.source) gives up its copy of") { next in
        next.replicas.removeAll { $0 == move.source }
        next.inSync.removeAll { $0 == move.source }
      }
    }
    end(move, .done, "", &draft, at: now)
    return []
  }

  // MARK: Endings

  /// The move leaves the plan, and its step gets its outcome.
  mutating func end(
    _ move: ShardMove, _ state: RebalanceStep.State, _ outcome: String, _ draft: inout PlanDraft,
    at now: Moment
  ) {
    draft.end(
      moveOf: move.shard,
      state == .done
        ? "the move from \(move.source) to \(move.target) is done for"
        : "\(outcome): the move to \(move.target) ends for")
    let fence = fences.removeValue(forKey: move.shard)
    standing[move.shard] = nil
    guard let place = runningSteps.first(where: { record.rebalance?.steps[$0].shard == move.shard })
    else { return }
    if state == .done, move.phase == .promoted, let fence, fence.since > .zero {
      let pause = now.uptime - fence.since
      measuredPause.add(pause)
      record.rebalance?.steps[place].pause = pause
    }
    endStep(place, state, outcome, at: now)
  }

  /// A target that became a replica only for a move that has failed gives its copy up.
  mutating func withdraw(_ move: ShardMove, _ draft: inout PlanDraft) {
    let step = record.rebalance?.steps.last { $0.shard == move.shard && $0.target == move.target }
    withdraw(move.target, from: move.shard, wasAdded: step?.addedTarget == true, &draft)
  }

  mutating func withdraw(
    _ node: NodeID, from shard: ShardID, wasAdded: Bool, _ draft: inout PlanDraft
  ) {
    guard wasAdded, draft[shard]?.replicas.contains(node) == true else { return }
    draft.assign(shard, "node \(node) gives up its copy of") { next in
      next.replicas.removeAll { $0 == node }
      next.inSync.removeAll { $0 == node }
    }
  }
}
