import CloudstateModel
import ClusterControl

// What an operator, or a launcher, asks for.
extension FaultInjector {
  func change(_ kind: FaultKind) {
    // One that was replaced may be asked, too.
    let leaders = cluster.leaders.compactMap(\.run)
    guard
      let coordinator = leaders.count > 1 ? world.random.pick(leaders) : leaders.first
    else { return }
    switch kind {
    case .join: join()
    case .leave: leave()
    case .drain:
      let draining = cluster.stored?.members.values.filter(\.isDraining) ?? []
      guard draining.isEmpty, cluster.nodes.count(where: { !$0.hasLeft }) > 3,
        let node = world.random.pick(aliveNodes)
      else { return }
      note("\(node.id) is to be drained")
      coordinator.operate(.drain(node.id, force: true))
    case .undrain:
      for member in coordinator.machine.record.view.members where member.isDraining {
        guard cluster.node(member.node)?.hasLeft == false else { continue }
        note("\(member.node) is not to be drained any more")
        coordinator.operate(.undrain(member.node))
      }
    default: rebalance(kind, coordinator)
    }
  }

  private func rebalance(_ kind: FaultKind, _ coordinator: CoordinatorRun) {
    guard let assignment = world.random.pick(coordinator.machine.record.plan.shards) else { return }
    let others = aliveNodes.map(\.id).filter { $0 != assignment.primary }
    let outsiders = others.filter { !assignment.replicas.contains($0) }
    let action: RebalanceStep.Action
    switch kind {
    case .move:
      guard let target = world.random.pick(others) else { return }
      action = .move(from: assignment.primary, to: target)
      if world.random.chance(ppm: 300_000) {
        delayPlans(from: coordinator.process, to: assignment.primary)
      }
    case .addCopy:
      guard let target = world.random.pick(outsiders) else { return }
      action = .add(target)
    default:
      guard assignment.inSync.count > 1, let node = world.random.pick(assignment.inSync) else {
        return
      }
      action = .remove(node)
    }
    note("\(assignment.shard.index): \(action)")
    let keeps = world.random.chance(ppm: 500_000)
    coordinator.rebalance(
      [RebalanceStep(shard: assignment.shard, action: action, keepsSource: keeps)],
      reason: "it was asked for")
  }

  /// The node hears of plans late for a while.
  private func delayPlans(from coordinator: SimProcess, to id: NodeID) {
    guard let node = cluster.node(id)?.process else { return }
    let delay = world.random.span(5 * Span.millisecond...400 * Span.millisecond)
    note("plans reach \(id) late")
    cluster.network.change(coordinator, node) { $0.delay = delay }
    later(Span.second...6 * Span.second) { [cluster] in
      cluster.network.change(coordinator, node) { $0.delay = 0 }
    }
  }

  // MARK: Nodes

  private func join() {
    guard cluster.nodes.count < cluster.settings.nodes + cluster.settings.spareNodes else { return }
    note("another node joins")
    cluster.addNode()?.start()
  }

  /// A drained node that holds nothing any more leaves for good.
  private func leave() {
    let plan = cluster.plan
    for member in cluster.stored?.members.values.sorted(by: { $0.node < $1.node }) ?? []
    where member.isDraining {
      let isNamed = plan.shards.contains {
        $0.primary == member.node || $0.replicas.contains(member.node)
      }
      guard !isNamed, let node = cluster.node(member.node), !node.hasLeft else { continue }
      note("\(node.id) leaves")
      node.hasLeft = true
      node.crash()
    }
  }

  // MARK: Copies

  /// Asks for replicas where shards have fewer than they should, unless somebody else does. Repeated.
  func keepCopies() {
    world.after(700 * Span.millisecond) { [self] in
      askForCopies()
      keepCopies()
    }
  }

  private func askForCopies() {
    guard let coordinator = cluster.leaders.last?.run else { return }
    let record = coordinator.machine.record
    guard record.rebalance?.isOpen != true else { return }
    let members = record.view.members.filter {
      $0.liveness == .alive && !$0.isDraining
    }.map(\.node)
    var steps: [RebalanceStep] = []
    for assignment in record.plan.shards {
      let wanted = Int(cluster.settings.replicationFactor) - 1
      let outsiders = members.filter {
        $0 != assignment.primary && !assignment.replicas.contains($0)
      }
      for _ in assignment.replicas.count..<max(assignment.replicas.count, wanted) {
        let taken = steps.filter { $0.shard == assignment.shard }.compactMap(\.target)
        guard let node = world.random.pick(outsiders.filter { !taken.contains($0) }) else { break }
        steps.append(RebalanceStep(shard: assignment.shard, action: .add(node)))
      }
    }
    if !steps.isEmpty { coordinator.rebalance(steps, reason: "copies are missing") }
  }
}
