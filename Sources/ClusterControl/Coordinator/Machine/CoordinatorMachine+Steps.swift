import CloudstateModel

// From what is known to the next plan. Everything that is found at one time goes into one plan, and while the
// store is writing one, nothing is decided: the next look sees it all.

extension CoordinatorMachine {
  /// Decides what follows from the news since the last look.
  mutating func takeSteps(at now: Moment) -> [Directive] {
    guard hasNews, !isWriting else { return [] }
    hasNews = false
    var draft = PlanDraft(record.plan)
    let rebalance = record.rebalance
    raiseSeenEpochs(&draft)
    var directives = failOver(&draft, at: now)
    shrinkInSync(&draft)
    withdrawOffers(&draft)
    directives += finishMoves(&draft, at: now)
    // What can wait is decided between two fences: see `fencePrecedence`.
    if !isFencing(draft, at: now.uptime) {
      growInSync(&draft, at: now.uptime)
      directives += beginSteps(&draft, at: now)
    }
    directives += advanceMoves(&draft, at: now)
    directives += endRebalanceIfDone(at: now)
    if draft.isChanged {
      adopt(draft.plan(createdAt: now.wall))
      directives.append(.report("plan \(record.plan.number): \(record.plan.reason)"))
      // Steps may follow from it at once, such as a fence from a replica that is in-sync now.
      hasNews = true
    }
    if draft.isChanged || record.rebalance != rebalance { record.version += 1 }
    return directives
  }

  // MARK: Words

  /// Whether the node is heard and may be given work.
  func isAlive(_ node: NodeID) -> Bool {
    record.members[node]?.liveness == .alive && presence[node]?.isHeard == true
  }

  func isDown(_ node: NodeID) -> Bool {
    guard let member = record.members[node] else { return true }
    return member.liveness == .down
  }

  func isDraining(_ node: NodeID) -> Bool { record.members[node]?.isDraining == true }

  /// Whether the node is alive and its copy of the shard, as far as is known, can be used.
  func isUsable(_ node: NodeID, for shard: ShardID) -> Bool {
    isAlive(node) && !knowledge.isUnusable(node, shard)
  }

  /// Whether the shard cannot be served where it is.
  func hasLostPrimary(_ assignment: ShardAssignment) -> Bool {
    isDown(assignment.primary) || knowledge.isUnusable(assignment.primary, assignment.shard)
  }

  // MARK: Epochs

  /// A copy has seen an epoch that this store has not given out, or has forgotten: the next one must be higher.
  private mutating func raiseSeenEpochs(_ draft: inout PlanDraft) {
    for assignment in draft.shards {
      guard let report = knowledge.report(under: assignment),
        report.seenEpoch >= assignment.epoch,
        report.seenEpoch.number - assignment.epoch.number <= ShardKnowledge.maximumEpochJump
      else { continue }
      draft.raise(
        assignment.shard, above: report.seenEpoch, "a copy has seen a higher epoch of")
    }
  }

  // MARK: Failover

  /// Only an in-sync replica may take over. Without one that is alive the shard stays as it is.
  private mutating func failOver(_ draft: inout PlanDraft, at now: Moment) -> [Directive] {
    var lost: [NodeID: [ShardID]] = [:]
    var stillUnavailable: Set<ShardID> = []
    for assignment in draft.shards where hasLostPrimary(assignment) {
      let shard = assignment.shard
      if let heir = heir(of: assignment, &draft) {
        // Where a node is down, its return or its loss leads to a rebalance.
        if !isDown(assignment.primary) {
          triggerRebalance("node \(assignment.primary) could not use its copies", at: now)
        }
        promote(heir, of: assignment, &draft)
      } else if !assignment.inSync.contains(where: { !isDown($0) && !isUnusable($0, shard) }) {
        stillUnavailable.insert(shard)
        if !unavailable.contains(shard) { lost[assignment.primary, default: []].append(shard) }
      }
    }
    if !unavailable.isSubset(of: stillUnavailable) {
      triggerRebalance("shards are available again", at: now)
    }
    unavailable = stillUnavailable
    return lost.sorted { $0.key < $1.key }.map { node, shards in
      .report(unavailability(of: shards, on: node))
    }
  }

  private func isUnusable(_ node: NodeID, _ shard: ShardID) -> Bool {
    knowledge.isUnusable(node, shard)
  }

  /// Who takes over: alive, better not draining, with the fewest primaries, the first by name.
  private func heir(of assignment: ShardAssignment, _ draft: inout PlanDraft) -> NodeID? {
    var best: (node: NodeID, rank: (Int, Int))?
    for node in assignment.inSync.sorted() where isUsable(node, for: assignment.shard) {
      let rank = (isDraining(node) ? 1 : 0, draft.primaryCount(of: node))
      if let best, best.rank <= rank { continue }
      best = (node, rank)
    }
    return best?.node
  }

  private mutating func promote(
    _ heir: NodeID, of assignment: ShardAssignment, _ draft: inout PlanDraft
  ) {
    let old = assignment.primary
    let shard = assignment.shard
    let why = isDown(old) ? "is down" : "cannot use its copy"
    draft.assign(shard, "node \(old) \(why): \(heir) takes over") { next in
      next.primary = heir
      next.replicas = next.replicas.filter { $0 != heir } + [old]
      next.inSync = next.inSync.filter { $0 != heir && !isDown($0) && !isUnusable($0, shard) }
    }
  }

  private func unavailability(of shards: [ShardID], on node: NodeID) -> String {
    let what =
      shards.count == 1
      ? "shard \(shards[0]) is" : "\(shards.count) shards, such as \(shards[0]), are"
    let reason =
      isDown(node)
      ? "node \(node) is down" : knowledge.unusable[shards[0]]?[node]?.reason ?? "its copy is lost"
    return
      "\(what) unavailable: \(reason), and no in-sync copy is alive. Start node \(node) again, with its "
      + "data; if that is lost for good, accept the loss shard by shard: cs-admin shards accept-loss \(shards[0])"
  }

  // MARK: The in-sync set

  /// A replica that is down, lags or cannot use its copy is waited for no more. Only while the primary is alive:
  /// otherwise the set tells who may take over.
  private mutating func shrinkInSync(_ draft: inout PlanDraft) {
    for assignment in draft.shards
    where !assignment.inSync.isEmpty && isAlive(assignment.primary) && !hasLostPrimary(assignment) {
      let lagging = knowledge.report(under: assignment)?.lagging ?? []
      for node in assignment.inSync {
        let why: String
        if isDown(node) {
          why = "is down and"
        } else if lagging.contains(node) {
          why = "lags and"
        } else if isUnusable(node, assignment.shard) {
          why = "cannot use its copy and"
        } else {
          continue
        }
        draft.assign(assignment.shard, "node \(node) \(why) leaves the in-sync set of") { next in
          next.inSync.removeAll { $0 == node }
        }
      }
    }
  }

  /// The primary waits in vain for a replica that it has offered and no plan has made in-sync: only a new epoch
  /// takes the offer back.
  private mutating func withdrawOffers(_ draft: inout PlanDraft) {
    for assignment in draft.shards where assignment.inSync.count < assignment.replicas.count {
      guard let report = knowledge.report(under: assignment) else { continue }
      for node in assignment.replicas
      where report.lagging.contains(node) && !assignment.inSync.contains(node) {
        draft.assign(assignment.shard, "node \(node) lags and is not waited for in") { _ in }
      }
    }
  }

  /// A replica whose copy is complete, and waited for by the primary already, becomes in-sync.
  private mutating func growInSync(_ draft: inout PlanDraft, at now: Duration) {
    for assignment in draft.shards where assignment.inSync.count < assignment.replicas.count {
      guard isAlive(assignment.primary), let report = knowledge.report(under: assignment),
        !report.caughtUp.isEmpty
      else { continue }
      for node in assignment.replicas.sorted()
      where report.caughtUp.contains(node) && !report.lagging.contains(node)
        && !assignment.inSync.contains(node) && isAlive(node)
      {
        let recent = now - configuration.heartbeatInterval * 3
        if knowledge.saidUnusable(node, assignment.shard, before: recent) {
          knowledge.forgetUnusable(assignment.shard, node)
        }
        guard !isUnusable(node, assignment.shard) else { continue }
        draft.assign(assignment.shard, "node \(node) is in-sync for") { next in
          next.inSync.append(node)
        }
        if let bytes = report.copied[node]?.bytes {
          noteTransfer(bytes, of: assignment.shard, to: node)
        }
      }
    }
  }
}
