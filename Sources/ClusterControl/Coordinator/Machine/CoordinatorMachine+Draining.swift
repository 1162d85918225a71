import CloudstateModel

// Nodes that are drained: what is asked for, and going on with it while they own shards.

/// The growing pauses between rebalances that could not do all they should. A value.
struct RetryPauses: Hashable, Sendable {
  private var doublings = 0

  /// The next pause, and a longer one from then on.
  mutating func next(_ settings: RebalancingConfiguration) -> Duration {
    let pause = min(settings.maximumRetryPause, settings.initialRetryPause * (1 << doublings))
    doublings = min(doublings + 1, 16)
    return pause
  }
}

extension CoordinatorMachine {
  mutating func setDraining(
    _ isDraining: Bool, _ node: NodeID, force: Bool = false, at now: Moment
  ) -> (OperatorAnswer, Bool) {
    guard let member = record.members[node] else {
      return (.notFound("no node \(node) is known; cs-admin nodes lists them"), false)
    }
    if isDraining, !force, let refusal = whyNotDrained(member) {
      return (.conflict(refusal), false)
    }
    let line =
      isDraining
      ? "node \(node) is being drained: its shards move to other nodes"
      : "node \(node) may have shards again"
    retryPauses = RetryPauses()
    guard member.isDraining != isDraining else {
      // What was given up or aborted is tried again.
      if isDraining, ownsShards(node), record.rebalance?.isOpen != true {
        triggerRebalance("node \(node) is to be drained still", at: now)
      }
      return (.done(line), false)
    }
    record.members[node]?.isDraining = isDraining
    triggerRebalance(isDraining ? "node \(node) is drained" : "node \(node) is undrained", at: now)
    return (.done(line), true)
  }

  /// Why the others cannot take the node's shards as they should be; `nil` if they can.
  private func whyNotDrained(_ member: ClusterMember) -> String? {
    let node = member.node
    let copies = record.replicationFactor(of: member.service)
    let others = record.members.values.count {
      $0.service == member.service && $0.node != node && !$0.isDraining && $0.liveness != .down
    }
    guard others < copies, ownsShards(node) else { return nil }
    if others == 0 {
      return
        "no other node of service \(member.service) could take the shards of node \(node); start or undrain another "
        + "node first, or let them stay until there is one: cs-admin drain \(node) --force"
    }
    return
      "without node \(node) there are \(others) nodes for \(copies) copies of each shard; start or undrain another "
      + "node first, or go on with fewer copies: cs-admin drain \(node) --force"
  }

  /// The first node by name that is drained and owns shards.
  var undrainedNode: NodeID? {
    record.members.values.filter { $0.isDraining && ownsShards($0.node) }.map(\.node).min()
  }

  /// A rebalance has ended by itself. If steps came to nothing and a drained node owns shards, another one is made
  /// after a pause: whoever drains a node waits for it to be empty, and asks once.
  ///
  /// - Returns: what comes next, for people.
  mutating func goOnDraining(after rebalance: Rebalance, at now: Moment) -> String? {
    guard rebalance.steps.contains(where: { $0.state != .done }), let node = undrainedNode else {
      retryPauses = RetryPauses()
      return nil
    }
    // Copying once more what took long must not become all that nodes do.
    let took = now.wall.unixMilliseconds - rebalance.createdAt.unixMilliseconds
    let pause = max(
      retryPauses.next(configuration.rebalancing), .milliseconds(Int64(clamping: took)))
    // What else has happened meanwhile does not wait for the pause.
    guard rebalanceTrigger == nil else { return nil }
    rebalanceTrigger = RebalanceTrigger(
      due: now.uptime + pause, causes: ["node \(node) is to be drained still"],
      retried: rebalance.id)
    return
      "node \(node) is to be drained still, and it is tried again in \(pause.wholeMilliseconds) ms"
  }

  /// Whether shards stay where they are until somebody asks for something, or something happens to a node: nothing
  /// is under way, decided or due.
  var isSettled: Bool {
    rebalanceTrigger == nil && record.rebalance?.isOpen != true && !hasRunningSteps
      && record.plan.moves.isEmpty && record.version == durable.version
      // The copies of a node that is down are placed anew once it is lost.
      && !record.members.keys.contains {
        isDown($0) && presence[$0]?.isLost != true && ownsShards($0)
      }
  }
}
