package import CloudstateModel
package import CommandLineKit

/// What `cs-admin drain --wait` makes of what it sees, look by look: whether the draining goes on, has come to its
/// end, or will not get there by itself. A value.
package struct DrainWatch: Sendable {
  package enum Verdict: Hashable, Sendable {
    /// Look again soon. With what is to be said, if that is new.
    case goesOn(String?)
    /// The node holds nothing any more.
    case isDrained
    case ends(ProgramError)
  }

  /// Without a limit of its own a wait ends when no coordinator has answered for this long. An election takes some
  /// seconds.
  package static let patience: Duration = .seconds(30)

  private let node: String
  private let within: Duration?
  private let start: ContinuousClock.Instant
  private var isFirst = true
  private var told = ""
  /// Since when nobody has answered.
  private var silentSince: ContinuousClock.Instant?

  /// - Parameter within: not waited for any longer; `nil` for as long as it takes.
  package init(node: String, within: Duration?, from start: ContinuousClock.Instant) {
    self.node = node
    self.within = within
    self.start = start
  }

  /// Judges what the coordinator has told.
  ///
  /// - Parameter plan: must have been asked for before the nodes: what they have after nothing was under way, they
  ///   keep.
  package mutating func look(
    _ plan: PlanDocument, _ nodes: [NodeDocument], at now: ContinuousClock.Instant
  ) -> Verdict {
    defer { isFirst = false }
    silentSince = nil
    guard let mine = nodes.first(where: { $0.node == node }), mine.primaries + mine.replicas > 0
    else { return .isDrained }
    let left = "node \(node) has \(mine.primaries) primaries and \(mine.replicas) replicas left"
    guard mine.draining else {
      return .ends(
        ProgramError(
          "\(left) and is not drained any more: somebody has undrained it",
          hint: "cs-admin drain \(node) --wait", status: .conflict))
    }
    if let end = end(plan, nodes, mine) {
      return .ends(
        ProgramError("\(left), and \(end)", hint: "cs-admin plan show", status: .conflict))
    }
    let proposal = plan.rebalance.flatMap { $0.state == "proposed" ? $0 : nil }
    let line =
      proposal.map { "\(left); rebalance \($0.id) waits for: cs-admin plan approve \($0.id)" }
      ?? left
    if let within, now - start >= within { return .ends(timeIsOver(line)) }
    return goesOn(line)
  }

  /// Judges that there was no answer.
  ///
  /// - Parameter began: when it was asked for.
  package mutating func fail(
    _ error: ProgramError, began: ContinuousClock.Instant, at now: ContinuousClock.Instant
  ) -> Verdict {
    guard error.status == .unreachable else { return .ends(error) }
    let silence = silentSince ?? began
    silentSince = silence
    let isOver = within.map { now - start >= $0 } ?? (now - silence >= Self.patience)
    guard !isOver else {
      return .ends(
        ProgramError(
          "\(error.message); it is not waited for any longer, and the draining goes on once there is a coordinator",
          hint: error.hint, status: .unreachable))
    }
    return goesOn("no coordinator answers, it is asked again: \(error.message)")
  }

  /// Why the node keeps what it has.
  private func end(_ plan: PlanDocument, _ nodes: [NodeDocument], _ mine: NodeDocument) -> String? {
    let others = nodes.contains {
      $0.service == mine.service && $0.node != node && !$0.draining && $0.liveness != "down"
    }
    // Later the others may be nodes that are being started again.
    guard isFirst && !others || plan.settled == true else { return nil }
    if !others {
      return
        "no other node of service \(mine.service) can take them: they stay until one joins or is undrained"
    }
    if let rebalance = plan.rebalance, rebalance.state == "aborted" {
      return
        "rebalance \(rebalance.id) was aborted: they stay until cs-admin drain \(node) is asked for again"
    }
    return "nothing is under way that would move them"
  }

  private mutating func goesOn(_ line: String) -> Verdict {
    defer { told = line }
    return .goesOn(line == told ? nil : line)
  }

  private func timeIsOver(_ line: String) -> ProgramError {
    ProgramError(
      "\(line); the time is over, and the draining goes on", hint: "cs-admin plan show",
      status: .unreachable)
  }
}
