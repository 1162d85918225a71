/// A bug that a simulation may plant in its shells, or around the product's parts, to see whether it is found.
package enum Plant: String, Sendable, CaseIterable {
  case missingEpochCheck = "missing-epoch-check"
  case ackBeforeSync = "ack-before-sync"
  case confirmAlone = "confirm-alone"
  case promoteLagging = "promote-lagging"
  case skipFence = "skip-fence"
  case ignoreGap = "ignore-gap"
  case noLeaseWait = "no-lease-wait"
  case ignoreLease = "ignore-lease"
  case dropEarly = "drop-early"
  case showUnconfirmed = "show-unconfirmed"
  case planBackwards = "plan-backwards"
  case publishBeforePersist = "publish-before-persist"
  case forgetIdempotency = "forget-idempotency"
  case joinAlone = "join-alone"
  case retryUnknown = "retry-unknown"
  case loseSnapshot = "lose-snapshot"
  case trustOldPlan = "trust-old-plan"
  case writeWithoutFence = "write-without-fence"
  case trustLostAnswer = "trust-lost-answer"
  case readBeforeElected = "read-before-elected"

  /// The faults under which it shows soonest.
  package var profile: Profile {
    switch self {
    case .skipFence: .moves
    case .confirmAlone, .ignoreLease, .noLeaseWait, .showUnconfirmed, .dropEarly, .ackBeforeSync,
      .ignoreGap:
      .partitions
    case .promoteLagging, .publishBeforePersist, .joinAlone, .trustOldPlan, .writeWithoutFence,
      .readBeforeElected:
      .crashes
    case .missingEpochCheck, .planBackwards, .forgetIdempotency, .retryUnknown,
      .loseSnapshot, .trustLostAnswer:
      .everything
    }
  }

  /// The coordination without which it does not show; `nil` if it may be any.
  package var coordination: Coordination? {
    switch self {
    case .writeWithoutFence, .trustLostAnswer, .readBeforeElected: .elected
    default: nil
    }
  }

  /// What is wrong, for people.
  package var explanation: String {
    switch self {
    case .missingEpochCheck: "a copy takes appends of an epoch that is over"
    case .ackBeforeSync: "a copy acknowledges an append before it is on its disk"
    case .confirmAlone: "a primary acknowledges when it has synced, whatever its copies have"
    case .promoteLagging: "a primary offers learners as in-sync before they have everything"
    case .skipFence: "the source of a move reports itself fenced while it still answers"
    case .ignoreGap: "a copy says that it took deltas that do not follow its end"
    case .noLeaseWait: "a new primary serves before the lease it granted is over"
    case .ignoreLease: "answers go out though the primary's lease is over"
    case .dropEarly: "the source of a move deletes its copy once it is fenced"
    case .showUnconfirmed: "readers see batches before the copies have them"
    case .planBackwards: "a node follows whatever plan comes last"
    case .publishBeforePersist: "the coordinator publishes a plan before it is on its disk"
    case .forgetIdempotency: "copies get batches without their idempotency records"
    case .joinAlone: "a new primary does not wait for its in-sync copies"
    case .retryUnknown: "a router repeats commands whose outcome is unknown"
    case .loseSnapshot: "copies get batches without their snapshots"
    case .trustOldPlan:
      "a node that was started anew serves by its last plan, though others may have been offered"
    case .writeWithoutFence: "a leader writes whether it was replaced or not"
    case .trustLostAnswer: "a leader takes a write for done whose answer was lost"
    case .readBeforeElected: "a leader begins with what it read before it was elected"
    }
  }
}
