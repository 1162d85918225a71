import CloudstateModel

// What operators decide on rebalances.

extension CoordinatorMachine {
  mutating func approve() -> (OperatorAnswer, Bool) {
    guard let rebalance = record.rebalance, rebalance.isOpen else {
      return (.notFound("no rebalance is proposed"), false)
    }
    guard rebalance.state == .proposed else {
      return (.conflict("rebalance \(rebalance.id) is running already"), false)
    }
    record.rebalance?.state = .running
    return (.done("rebalance \(rebalance.id) is approved"), true)
  }

  mutating func requestRebalance(at now: Moment) -> (OperatorAnswer, Bool) {
    if let rebalance = record.rebalance, rebalance.isOpen || hasRunningSteps {
      return (.conflict("rebalance \(rebalance.id) is \(rebalance.state.rawValue)"), false)
    }
    triggerRebalance("an operator asks for it", at: now)
    rebalanceTrigger?.due = now.uptime
    return (.done("shards are placed anew where that brings something"), false)
  }

  /// Steps that have not begun are aborted, moves before their promotion are taken back; a move after it goes on
  /// to its end. Nothing begins anew until somebody asks for it, or something happens to a node.
  mutating func abort(at now: Moment) -> (OperatorAnswer, Bool) {
    let isRetried = rebalanceTrigger?.retried != nil
    guard let rebalance = record.rebalance, rebalance.isOpen || isRetried else {
      return (.notFound("no rebalance is proposed or running"), false)
    }
    // What is only proposed does nothing.
    if isRetried || !configuration.rebalancing.requiresApproval { rebalanceTrigger = nil }
    record.rebalance?.state = .aborted
    var draft = PlanDraft(record.plan)
    let reason = "an operator aborted rebalance \(rebalance.id)"
    for place in rebalance.steps.indices where !rebalance.steps[place].hasEnded {
      let step = rebalance.steps[place]
      if step.state == .running, draft.move(of: step.shard)?.phase == .promoted { continue }
      endStep(place, .aborted, "aborted by an operator", at: now)
      guard step.state == .running else { continue }
      if draft.move(of: step.shard) != nil {
        draft.end(moveOf: step.shard, "\(reason): the move ends of")
        fences[step.shard] = nil
      }
      if let target = step.target, let primary = draft[step.shard]?.primary, isAlive(primary) {
        withdraw(target, from: step.shard, wasAdded: step.addedTarget, &draft)
      }
    }
    if draft.isChanged { adopt(draft.plan(createdAt: now.wall)) }
    let line = "rebalance \(rebalance.id) is aborted; what was moved stays"
    guard rebalanceTrigger == nil, let node = undrainedNode else { return (.done(line), true) }
    return (.done("\(line), and node \(node) is not empty: cs-admin drain \(node) goes on"), true)
  }

}
