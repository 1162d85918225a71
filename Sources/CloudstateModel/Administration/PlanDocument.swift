// What a coordinator tells operators of its plans, as JSON over HTTP.

/// The plan in force, and the newest rebalance (`GET /plan`).
package struct PlanDocument: Codable, Hashable, Sendable {
  package var plan: PlanSummary
  package var moves: [MoveDocument]
  package var rebalance: RebalanceDocument?
  /// Whether shards stay where they are until somebody asks for something, or something happens to a node: nothing is
  /// under way or due. `nil` from a coordinator that does not tell.
  package var settled: Bool?

  package init(
    plan: PlanSummary, moves: [MoveDocument], rebalance: RebalanceDocument?, settled: Bool? = nil
  ) {
    self.plan = plan
    self.moves = moves
    self.rebalance = rebalance
    self.settled = settled
  }
}

package struct PlanSummary: Codable, Hashable, Sendable {
  package var number: UInt64
  package var reason: String
  /// RFC 3339, in UTC.
  package var createdAt: String
  package var shards: Int
  package var moves: Int

  package init(number: UInt64, reason: String, createdAt: String, shards: Int, moves: Int) {
    self.number = number
    self.reason = reason
    self.createdAt = createdAt
    self.shards = shards
    self.moves = moves
  }
}

/// What shall move, why, what it is expected to cost, and what it did.
package struct RebalanceDocument: Codable, Hashable, Sendable {
  package var id: UInt64
  /// `proposed`, `running`, `aborted` or `done`.
  package var state: String
  package var reason: String
  /// RFC 3339, in UTC.
  package var createdAt: String
  /// One line for people.
  package var summary: String
  package var steps: [StepDocument]

  package init(
    id: UInt64, state: String, reason: String, createdAt: String, summary: String,
    steps: [StepDocument]
  ) {
    self.id = id
    self.state = state
    self.reason = reason
    self.createdAt = createdAt
    self.summary = summary
    self.steps = steps
  }
}

package struct StepDocument: Codable, Hashable, Sendable {
  package var shard: String
  /// `move`, `add` or `remove`.
  package var action: String
  package var source: String?
  package var target: String?
  /// `pending`, `running`, `done`, `dropped`, `gaveUp` or `aborted`.
  package var state: String
  /// Why it ended otherwise than done.
  package var outcome: String?
  package var expectedBytes: UInt64
  package var expectedPauseMilliseconds: Double
  /// What was measured, where it was.
  package var bytes: UInt64?
  package var pauseMilliseconds: Double?
  package var seconds: Double?

  package init(
    shard: String, action: String, source: String?, target: String?, state: String,
    outcome: String?, expectedBytes: UInt64, expectedPauseMilliseconds: Double, bytes: UInt64?,
    pauseMilliseconds: Double?, seconds: Double?
  ) {
    self.shard = shard
    self.action = action
    self.source = source
    self.target = target
    self.state = state
    self.outcome = outcome
    self.expectedBytes = expectedBytes
    self.expectedPauseMilliseconds = expectedPauseMilliseconds
    self.bytes = bytes
    self.pauseMilliseconds = pauseMilliseconds
    self.seconds = seconds
  }
}

/// The newest plans and rebalances, the newest first (`GET /plan/history`).
package struct PlanHistoryDocument: Codable, Hashable, Sendable {
  package var plans: [PlanSummary]
  package var rebalances: [RebalanceDocument]

  package init(plans: [PlanSummary], rebalances: [RebalanceDocument]) {
    self.plans = plans
    self.rebalances = rebalances
  }
}

/// What a rebalance made now would do (`GET /plan/dry-run`).
package struct DryRunDocument: Codable, Hashable, Sendable {
  package var steps: [StepDocument]

  package init(steps: [StepDocument]) { self.steps = steps }
}

/// The outcome of a request that changes something: exactly one of them is there.
package struct OutcomeDocument: Codable, Hashable, Sendable {
  package var message: String?
  package var error: String?

  package init(message: String? = nil, error: String? = nil) {
    self.message = message
    self.error = error
  }
}
