package import CloudstateModel

/// What an operator asks of the coordinator.
package enum OperatorRequest: Hashable, Sendable {
  /// Let the proposed rebalance run: the one of this number, which an operator has looked at, or whatever is
  /// proposed. With a number it may be asked for again: what runs or is done already is a success.
  case approve(UInt64? = nil)
  /// End the rebalance that is proposed or running: the one of this number, or whatever there is.
  case abort(UInt64? = nil)
  /// Look at once whether shards are to be placed anew.
  case rebalance
  /// The node shall lose its shards and get none. Where too few nodes would remain for the wanted number of copies,
  /// only with `force`.
  case drain(NodeID, force: Bool = false)
  case undrain(NodeID)
  /// Make another copy primary although it may lack what was acknowledged; with `allowsEmpty` even a node without a
  /// copy, if `lost` names all nodes that have one: they may be serving where the coordinator does not hear them, and
  /// what they acknowledge would be deleted.
  case acceptLoss(ShardID, allowsEmpty: Bool, lost: Set<NodeID> = [])
}

/// What came of an operator's request, for people.
package enum OperatorAnswer: Hashable, Sendable {
  case done(String)
  /// What was named does not exist.
  case notFound(String)
  /// The state is another than the request needs.
  case conflict(String)
}

extension CoordinatorMachine {
  /// An operator's request, with a ticket under which the answer comes back, once: a success when it is
  /// durable.
  package mutating func operate(
    _ request: OperatorRequest, ticket: UInt64, at now: Moment
  ) -> [Directive] {
    clock = now
    guard waitingOperators.count < configuration.maximumWaitingRegistrations else {
      return [.operated(ticket: ticket, .conflict("the coordinator is busy, try again"))]
    }
    let (answer, changes) = carryOut(request, at: now)
    guard case .done(let line) = answer else { return [.operated(ticket: ticket, answer)] }
    if changes { record.version += 1 }
    hasNews = true
    var directives: [Directive] = changes ? [.report("an operator's request: \(line)")] : []
    directives += takeSteps(at: now)
    if record.version > durable.version {
      waitingOperators.append((ticket: ticket, version: record.version, answer: answer))
    } else {
      directives.append(.operated(ticket: ticket, answer))
    }
    return directives + writeIfNeeded()
  }

  private mutating func carryOut(
    _ request: OperatorRequest, at now: Moment
  ) -> (answer: OperatorAnswer, changes: Bool) {
    switch request {
    case .approve(let number): approve(number)
    case .abort(let number): abort(number, at: now)
    case .rebalance: requestRebalance(at: now)
    case .drain(let node, let force): setDraining(true, node, force: force, at: now)
    case .undrain(let node): setDraining(false, node, at: now)
    case .acceptLoss(let shard, let allowsEmpty, let lost):
      acceptLoss(of: shard, allowsEmpty: allowsEmpty, lost: lost, at: now)
    }
  }

  // MARK: Rebalances

  /// Begins a rebalance with the given steps, or proposes it where an approval is wanted.
  package mutating func startRebalance(
    _ steps: [RebalanceStep], reason: String, at now: Moment
  ) -> [Directive] {
    clock = now
    guard !steps.isEmpty, record.rebalance?.isOpen != true, !hasRunningSteps else { return [] }
    let state: Rebalance.State =
      configuration.rebalancing.requiresApproval ? .proposed : .running
    let rebalance = Rebalance(
      id: (record.rebalance?.id ?? 0) + 1, reason: reason, createdAt: now.wall, state: state,
      steps: steps)
    if let past = record.rebalance { pastRebalances.add(past) }
    record.rebalance = rebalance
    record.version += 1
    hasNews = true
    let what = "rebalance \(rebalance.id) with \(steps.count) steps: \(reason)"
    let line =
      state == .proposed
      ? "\(what). It waits for cs-admin plan approve \(rebalance.id)" : "begins \(what)"
    return [.report(line)] + takeSteps(at: now) + writeIfNeeded()
  }

  // MARK: Accepted losses

  private mutating func acceptLoss(
    of shard: ShardID, allowsEmpty: Bool, lost: Set<NodeID>, at now: Moment
  ) -> (OperatorAnswer, Bool) {
    var draft = PlanDraft(record.plan)
    guard let assignment = draft[shard] else {
      return (.notFound("no shard \(shard) is assigned; cs-admin shards lists them"), false)
    }
    guard hasLostPrimary(assignment) else {
      return (
        .conflict("shard \(shard) has a primary, node \(assignment.primary): nothing is lost"),
        false
      )
    }
    if let node = assignment.inSync.first(where: { !isDown($0) && !knowledge.isUnusable($0, shard) }
    ) {
      return (
        .conflict("node \(node) has an in-sync copy of shard \(shard) and takes over"), false
      )
    }
    let copies = assignment.replicas.filter { isUsable($0, for: shard) }.sorted()
    let ends = knowledge.ends[shard] ?? [:]
    // The choice is final: what the others have more is deleted.
    if copies.count > 1, let silent = copies.first(where: { ends[$0] == nil }) {
      return (
        .conflict(
          "node \(silent) has not said yet how much its copy of shard \(shard) has; try again in some seconds"
        ),
        false
      )
    }
    let nothing = ShardKnowledge.CopyEnd(epoch: .none, position: .start)
    // The first by name among equals.
    let copy = copies.max { ends[$0, default: nothing] < ends[$1, default: nothing] }
    let holders = ([assignment.primary] + assignment.replicas).sorted()
    guard copy != nil || (allowsEmpty && lost.isSuperset(of: holders)) else {
      let names = holders.map(\.text)
      return (
        .conflict(
          "no copy of shard \(shard) is heard of. They are at \(names.joined(separator: ", ")): start those nodes, or "
            + "mend their network, for a node that is only cut off may serve, and all it acknowledges would be deleted. "
            + "If they are lost for ever the shard can begin empty: cs-admin shards accept-loss \(shard) --empty --lost "
            + names.joined(separator: ",")), false
      )
    }
    guard let heir = copy ?? emptyStart(of: assignment, &draft) else {
      return (.conflict("no node of service \(shard.service) is alive; start one"), false)
    }
    let what = copy == nil ? "begins empty at node" : "goes on with the copy of node"
    draft.assign(shard, "an operator accepted the loss, and \(what) \(heir)") { next in
      let old = next.primary
      next.primary = heir
      next.replicas = next.replicas.filter { $0 != heir } + (old == heir ? [] : [old])
      next.inSync = []
    }
    if let move = draft.move(of: shard) {
      // Its step, too: the rebalance goes on without it.
      end(move, .dropped, "an operator accepted the loss of the shard", &draft, at: now)
    }
    adopt(draft.plan(createdAt: now.wall))
    triggerRebalance("the loss of shard \(shard) was accepted", at: now)
    return (.done("the loss is accepted: shard \(shard) \(what) \(heir)"), true)
  }

  /// The node of the service that is alive and has the fewest primaries.
  private func emptyStart(of assignment: ShardAssignment, _ draft: inout PlanDraft) -> NodeID? {
    var best: (node: NodeID, count: Int)?
    for node in assignable(assignment.shard.service)
    where !isDraining(node) && !knowledge.isUnusable(node, assignment.shard) {
      let count = draft.primaryCount(of: node)
      if let best, best.count <= count { continue }
      best = (node, count)
    }
    return best?.node
  }
}
