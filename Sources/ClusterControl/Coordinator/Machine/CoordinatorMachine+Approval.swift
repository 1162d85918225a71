import CloudstateModel

// What operators decide on rebalances.

extension CoordinatorMachine {
  mutating func approve(_ number: UInt64?) -> (OperatorAnswer, Bool) {
    if let answer = answerForPast(number, wanted: .done) { return (answer, false) }
    guard let rebalance = record.rebalance, number != nil || rebalance.isOpen else {
      return (.notFound("no rebalance is proposed"), false)
    }
    let what = "rebalance \(rebalance.id)"
    switch rebalance.state {
    case .proposed:
      // It was made, and looked at, before that happened.
      if let trigger = rebalanceTrigger, !rebalance.proposes(plannedSteps()) {
        return (
          .conflict(
            "\(what) is about to be replaced (\(trigger.causes.joined(separator: "; "))); look again soon: "
              + "cs-admin plan show"), false
        )
      }
      record.rebalance?.state = .running
      return (.done("\(what) is approved"), true)
    case .running where number == nil: return (.conflict("\(what) is running already"), false)
    case .running, .done: return (.done("\(what) is \(rebalance.state.rawValue) already"), false)
    case .aborted:
      return (.conflict("\(what) was aborted or replaced; cs-admin plan show tells why"), false)
    }
  }

  /// The answer to a request for another rebalance than the newest; `nil` if it is for the newest, or for any.
  ///
  /// - Parameter wanted: in which state it is as it was asked to be.
  private func answerForPast(_ number: UInt64?, wanted: Rebalance.State) -> OperatorAnswer? {
    guard let number, number != record.rebalance?.id else { return nil }
    guard let newest = record.rebalance, number < newest.id else {
      return .notFound("no rebalance \(number) is known; cs-admin plan show has the newest")
    }
    let state = pastRebalances[number]
    if state == wanted { return .done("rebalance \(number) is \(wanted.rawValue) already") }
    let past = state.map { "is \($0.rawValue)" } ?? "has ended; cs-admin plan history tells how"
    return .conflict(
      "rebalance \(number) \(past), and rebalance \(newest.id) is \(newest.state.rawValue) now: look at it with "
        + "cs-admin plan show")
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
  /// to its end. Nothing begins anew but for what happened to nodes meanwhile, and when somebody asks for it.
  mutating func abort(_ number: UInt64?, at now: Moment) -> (OperatorAnswer, Bool) {
    if let answer = answerForPast(number, wanted: .aborted) { return (answer, false) }
    let isRetried = rebalanceTrigger?.retried != nil
    guard let rebalance = record.rebalance, number != nil || rebalance.isOpen || isRetried else {
      return (.notFound("no rebalance is proposed or running"), false)
    }
    guard rebalance.isOpen || isRetried else {
      let line = "rebalance \(rebalance.id) is \(rebalance.state.rawValue) already"
      return (rebalance.state == .aborted ? .done(line) : .conflict(line), false)
    }
    // What waits behind it stays: of a loss or a node that joined nobody tells twice.
    if isRetried { rebalanceTrigger = nil }
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
    if let next = rebalanceTrigger {
      return (.done("\(line); another one is due: \(next.causes.joined(separator: "; "))"), true)
    }
    guard let node = undrainedNode else { return (.done(line), true) }
    return (.done("\(line), and node \(node) is not empty: cs-admin drain \(node) goes on"), true)
  }

  // MARK: Proposals

  /// Ends the proposal because another one is due. That has a number of its own, and is made when this end is stored:
  /// nobody approves what he has not seen.
  mutating func withdrawProposal(_ proposal: Rebalance, because cause: String, at now: Moment)
    -> [Directive]
  {
    record.rebalance?.state = .aborted
    for place in proposal.steps.indices where !proposal.steps[place].hasEnded {
      endStep(place, .aborted, "replaced: \(cause)", at: now)
    }
    record.version += 1
    return [.report("rebalance \(proposal.id) is not proposed any more: \(cause)")]
      + writeIfNeeded()
  }
}

extension Rebalance {
  /// Whether it is to do the same, whatever that is expected to cost by now.
  func proposes(_ steps: [RebalanceStep]) -> Bool {
    self.steps.elementsEqual(steps) { $0.shard == $1.shard && $0.action == $1.action }
  }
}

/// What became of the last rebalances: an operator whose request was carried out, but who had no answer, asks again.
/// A value.
struct PastRebalances: Hashable, Sendable {
  /// Older ones are looked up in the history.
  static let maximumCount = 64

  private var states: [UInt64: Rebalance.State] = [:]
  private var order: [UInt64] = []

  subscript(_ number: UInt64) -> Rebalance.State? { states[number] }

  mutating func add(_ rebalance: Rebalance) {
    if states.updateValue(rebalance.state, forKey: rebalance.id) == nil {
      order.append(rebalance.id)
    }
    if order.count > Self.maximumCount { states[order.removeFirst()] = nil }
  }
}
