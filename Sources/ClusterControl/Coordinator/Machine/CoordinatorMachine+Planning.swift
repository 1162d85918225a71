import CloudstateModel

// When shards are to be placed anew, and how.

extension CoordinatorMachine {
  /// Why shards are to be placed anew, and when: membership must have settled.
  struct RebalanceTrigger: Hashable, Sendable {
    /// More causes are not named.
    static let maximumCauses = 8

    var due: Duration
    var causes: [String]
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

  /// Makes a rebalance if one is due and none is open.
  mutating func rebalanceIfDue(at now: Moment) -> [Directive] {
    guard let trigger = rebalanceTrigger, now.uptime >= trigger.due,
      record.rebalance?.isOpen != true, !hasRunningSteps, !isWriting
    else { return [] }
    rebalanceTrigger = nil
    let steps = plannedSteps()
    return startRebalance(steps, reason: trigger.causes.joined(separator: "; "), at: now)
  }

  /// What would have to change for shards to be where they belong.
  func plannedSteps() -> [RebalanceStep] { [] }
}
