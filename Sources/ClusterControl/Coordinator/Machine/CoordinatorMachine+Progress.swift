import CloudstateModel

// Copies that come to be, and steps that do not get on: each holds one of the few places for steps, so that none may
// do so for ever.

extension CoordinatorMachine {
  /// How far a step that is under way has come.
  struct Standing: Hashable, Sendable {
    /// A copy that has been begun anew more often than this gets nowhere, however far it comes.
    static let maximumRestarts = 3

    var position = Position.start
    var restarts = 0
    var movedAt: Duration

    /// The copy is known to have come this far.
    mutating func note(_ new: Position, at now: Duration) {
      if new < position {
        restarts += 1
      } else if new > position, restarts <= Self.maximumRestarts {
        movedAt = now
      }
      position = new
    }
  }

  // MARK: New replicas

  mutating func advanceAddition(
    _ place: Int, of node: NodeID, _ draft: inout PlanDraft, at now: Moment
  ) -> [Directive] {
    guard let step = record.rebalance?.steps[place] else { return [] }
    guard let assignment = draft[step.shard] else {
      endStep(place, .dropped, "the shard is not assigned", at: now)
      return []
    }
    if assignment.inSync.contains(node) || assignment.primary == node {
      endStep(place, .done, "", at: now)
    } else if hasLostPrimary(assignment) {
      endStep(place, .dropped, "node \(assignment.primary) failed", at: now)
    } else if isDown(node) {
      endStep(place, .dropped, "node \(node) failed", at: now)
      withdraw(node, from: step.shard, wasAdded: step.addedTarget, &draft)
    } else if !assignment.replicas.contains(node) {
      endStep(place, .dropped, "node \(node) is no replica any more", at: now)
    } else if let why = standstill(of: node, assignment, at: now.uptime) {
      endStep(place, .gaveUp, why, at: now)
      withdraw(node, from: step.shard, wasAdded: step.addedTarget, &draft)
      return [
        .report("gave up a new copy of shard \(step.shard) on node \(node): \(why). \(Self.advice)")
      ]
    }
    return []
  }

  /// A copy is complete: this is what the step that wanted it has transferred.
  mutating func noteTransfer(_ bytes: UInt64, of shard: ShardID, to node: NodeID) {
    let place = runningSteps.first {
      record.rebalance?.steps[$0].shard == shard && record.rebalance?.steps[$0].target == node
    }
    if let place { record.rebalance?.steps[place].bytes = bytes }
  }

  // MARK: No progress

  private static let advice =
    "Look for a full disk there and into its log, then try again: cs-admin plan rebalance"

  /// Why a copy that comes to be is not waited for any longer; `nil` while it gets on.
  mutating func standstill(
    of node: NodeID, _ assignment: ShardAssignment, at now: Duration
  ) -> String? {
    let report = knowledge.report(under: assignment)
    var own = standing[assignment.shard] ?? Standing(movedAt: now)
    if let growth = report?.copied[node] { own.note(growth.position, at: now) }
    standing[assignment.shard] = own
    guard let age = tooLong(since: own.movedAt, at: now) else { return nil }
    guard let report else {
      return "node \(assignment.primary) has said nothing of the shard for \(age)"
    }
    return
      "node \(node) has not got on with its copy for \(age) and is at position \(own.position) of "
      + "\(report.lastPosition)"
  }

  /// Why a primary that is to serve after a move is not waited for any longer.
  mutating func standstill(
    ofPrimaryOf assignment: ShardAssignment, at now: Duration
  ) -> String? {
    let own = standing[assignment.shard] ?? Standing(movedAt: now)
    standing[assignment.shard] = own
    return tooLong(since: own.movedAt, at: now).map {
      "node \(assignment.primary) has not begun to serve within \($0)"
    }
  }

  private func tooLong(since start: Duration, at now: Duration) -> String? {
    let age = now - start
    guard age >= configuration.rebalancing.progressTimeout else { return nil }
    return "\(age.wholeMilliseconds / 1000) s"
  }

  /// Ends a move before its promotion: the shard stays where it is.
  mutating func giveUp(
    _ move: ShardMove, because why: String, _ draft: inout PlanDraft, at now: Moment,
    advice: String = advice
  ) -> [Directive] {
    end(move, .gaveUp, why, &draft, at: now)
    withdraw(move, &draft)
    return [
      .report(
        "gave up moving shard \(move.shard) from \(move.source) to \(move.target): \(why). The shard stays where "
          + "it is. \(advice)")
    ]
  }
}
