import CloudstateModel

// When shards are to be placed anew, and how.

extension CoordinatorMachine {
  /// Why shards are to be placed anew, and when: membership must have settled.
  struct RebalanceTrigger: Hashable, Sendable {
    /// More causes are not named.
    static let maximumCauses = 8

    var due: Duration
    var causes: [String]
    /// The rebalance that could not do all it should, if another one is to be made for nothing else.
    var retried: UInt64?
  }

  /// Something happened after which shards may belong elsewhere. Each such event starts the delay anew.
  mutating func triggerRebalance(_ cause: String, at now: Moment) {
    var causes = rebalanceTrigger?.causes ?? []
    if !causes.contains(cause), causes.count < RebalanceTrigger.maximumCauses {
      causes.append(cause)
    }
    rebalanceTrigger = RebalanceTrigger(
      due: now.uptime + configuration.rebalancing.delay, causes: causes)
  }

  /// Makes a rebalance if one is due and none is running; it takes the place of one that is only proposed, if it does
  /// something else. Nodes that are about to be found dead or alive are waited for.
  mutating func rebalanceIfDue(at now: Moment) -> [Directive] {
    guard let trigger = rebalanceTrigger, now.uptime >= trigger.due,
      record.rebalance?.state != .running, !hasRunningSteps, !isWriting,
      record.members.keys.allSatisfy({ isAlive($0) || isDown($0) })
    else { return [] }
    let steps = plannedSteps()
    let reason = trigger.causes.joined(separator: "; ")
    if let proposal = record.rebalance, proposal.state == .proposed, !proposal.proposes(steps) {
      return withdrawProposal(proposal, because: reason, at: now)
    }
    rebalanceTrigger = nil
    return startRebalance(steps, reason: reason, at: now)
  }

  /// What would have to change for the shards of all services to be where they belong, in the order in which it is
  /// best done.
  func plannedSteps() -> [RebalanceStep] {
    record.services.keys.sorted().flatMap { service in
      let problem = placementProblem(of: service)
      return Planner.target(for: problem).changes(from: problem).map(step)
    }
  }

  func placementProblem(of service: ServiceName) -> PlacementProblem {
    let assignments = record.plan.shards.filter { $0.shard.service == service }
    return PlacementProblem(
      service: service, shardCount: record.services[service] ?? 0,
      replicationFactor: record.replicationFactor(of: service), nodes: plannerNodes(of: service),
      assignments: assignments, weights: weights(of: assignments.map(\.shard)))
  }

  /// All members of the service, as the planner sees them.
  func plannerNodes(of service: ServiceName) -> [PlannerNode] {
    record.members.values.filter { $0.service == service }.map { member in
      PlannerNode(
        node: member.node, zone: member.info.zone, isAlive: isAlive(member.node),
        isDraining: member.isDraining, isLost: presence[member.node]?.isLost == true)
    }
  }

  /// A shard weighs more than others only if it takes clearly more commands than most: else every rebalance would
  /// follow the noise in their number, and move more than it need.
  private func weights(of shards: [ShardID]) -> [ShardID: ShardWeight] {
    let rates = shards.map { knowledge.traffic[$0]?.rate ?? 0 }
    let average = rates.reduce(0, +) / Double(max(1, rates.count))
    var weights: [ShardID: ShardWeight] = [:]
    for (shard, rate) in zip(shards, rates) {
      let load = average >= 1 ? min(100, max(1, (rate / average).rounded())) : 1
      weights[shard] = ShardWeight(load: load, bytes: max(1, knowledge.bytes(of: shard)))
    }
    return weights
  }

  private func step(_ change: PlacementChange) -> RebalanceStep {
    switch change {
    case .movePrimary(let shard, let source, let target, let bytes):
      RebalanceStep(
        shard: shard, action: .move(from: source, to: target), expectedBytes: bytes,
        expectedPause: measuredPause.expected)
    case .addReplica(let shard, let node, let bytes):
      RebalanceStep(shard: shard, action: .add(node), expectedBytes: bytes)
    case .removeReplica(let shard, let node):
      RebalanceStep(shard: shard, action: .remove(node))
    }
  }
}
