package import CloudstateModel

/// A decision to place shards elsewhere: what shall change, why, what it is expected to cost, and what it did
/// (design section 7).
///
/// The coordinator carries a running one out step by step, by plans; each step that ended says how.
package struct Rebalance: Hashable, Sendable {
  package enum State: String, Sendable, CaseIterable {
    /// Waits for an operator's approval.
    case proposed
    case running
    /// An operator ended it, and what was done stays; or it was proposed, and another one has taken its place.
    case aborted
    /// Every step has ended.
    case done
  }

  /// Rises by one with each rebalance of a coordinator's store.
  package var id: UInt64
  /// Why it was made, one sentence for people.
  package var reason: String
  package var createdAt: Timestamp
  package var state: State
  /// In the order in which they are begun; steps of one shard run one after the other.
  package var steps: [RebalanceStep]

  package init(
    id: UInt64, reason: String, createdAt: Timestamp, state: State, steps: [RebalanceStep]
  ) {
    self.id = id
    self.reason = reason
    self.createdAt = createdAt
    self.state = state
    self.steps = steps
  }

  /// Whether another one must wait.
  package var isOpen: Bool { state == .proposed || state == .running }
}

/// One change of where a shard lives, and how far it has come.
package struct RebalanceStep: Hashable, Sendable {
  package enum Action: Hashable, Sendable {
    /// Another node becomes the shard's primary, without a command lost.
    case move(from: NodeID, to: NodeID)
    /// A node gets a copy and becomes in-sync.
    case add(NodeID)
    /// A node gives its copy up.
    case remove(NodeID)
  }

  package enum State: String, Sendable, CaseIterable {
    case pending
    case running
    case done
    /// The cluster has changed so that it does not apply any more.
    case dropped
    /// The primary could not be fenced, time and again, or nothing got on for too long.
    case gaveUp
    case aborted
  }

  package var shard: ShardID
  package var action: Action
  /// What a copy is expected to transfer.
  package var expectedBytes: UInt64
  /// How long commands of the shard are expected to wait.
  package var expectedPause: Duration
  package var state: State
  /// Why it ended otherwise than done; for people.
  package var outcome: String
  package var startedAt: Timestamp?
  package var endedAt: Timestamp?
  /// What was transferred to make the copy, as the primary told; 0 before it was complete, and where there was one
  /// already.
  package var bytes: UInt64
  /// How long commands may have waited: from the fence until the new primary was heard to serve. `nil` where nothing
  /// had to wait, or where this coordinator's process did not see all of it.
  package var pause: Duration?
  /// The target became a replica because of this step.
  package var addedTarget: Bool
  /// The source is to keep a copy.
  package var keepsSource: Bool

  package init(
    shard: ShardID, action: Action, expectedBytes: UInt64 = 0, expectedPause: Duration = .zero,
    state: State = .pending, outcome: String = "", startedAt: Timestamp? = nil,
    endedAt: Timestamp? = nil, bytes: UInt64 = 0, pause: Duration? = nil, addedTarget: Bool = false,
    keepsSource: Bool = false
  ) {
    self.shard = shard
    self.action = action
    self.expectedBytes = expectedBytes
    self.expectedPause = expectedPause
    self.state = state
    self.outcome = outcome
    self.startedAt = startedAt
    self.endedAt = endedAt
    self.bytes = bytes
    self.pause = pause
    self.addedTarget = addedTarget
    self.keepsSource = keepsSource
  }

  /// Whether nothing more happens to it.
  package var hasEnded: Bool { state != .pending && state != .running }

  /// The node that gives something up, and the one that gets something.
  package var source: NodeID? {
    switch action {
    case .move(let source, _), .remove(let source): source
    case .add: nil
    }
  }

  package var target: NodeID? {
    switch action {
    case .move(_, let target), .add(let target): target
    case .remove: nil
    }
  }
}
