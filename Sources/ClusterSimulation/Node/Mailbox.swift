import CloudstateModel
import ShardReplication
import ShardStore
import Synchronization

/// What the store says on the committer's behalf, kept until the node's loop takes it.
final class Mailbox: Sendable {
  enum Event: Sendable {
    /// Outcomes of batches that pass through to the entities.
    case committed([CommitOutcome])
    /// Outcomes of batches of replicated shards.
    case held([CommitOutcome])
    case opened(ShardID, Epoch, Result<ShardEnd, StoreError>, promisedUntil: UInt64)
    case appended(ticket: UInt64, Result<CopyAppendOutcome, StoreError>)
  }

  private let events = Mutex<[Event]>([])

  func put(_ event: Event) { events.withLock { $0.append(event) } }

  func take() -> [Event] {
    events.withLock { events in
      defer { events = [] }
      return events
    }
  }
}

/// Puts outcomes into the mailbox.
final class MailboxSink: CommitSink {
  private let mailbox: Mailbox
  private let areHeld: Bool

  init(_ mailbox: Mailbox, areHeld: Bool) {
    self.mailbox = mailbox
    self.areHeld = areHeld
  }

  func completed(_ outcomes: [CommitOutcome]) {
    mailbox.put(areHeld ? .held(outcomes) : .committed(outcomes))
  }
}

/// The clock as the committer reads it: set before it runs.
final class CommitterClock: Sendable {
  private let reading = Atomic<UInt64>(0)
  private let isFailing = Atomic<Int>(0)

  var now: UInt64 { reading.load(ordering: .relaxed) }
  func set(_ now: UInt64) { reading.store(now, ordering: .relaxed) }

  /// Makes the next write, or its sync, fail.
  func failNext(_ stage: CommitStage) {
    isFailing.store(stage == .write ? 1 : 2, ordering: .relaxed)
  }

  func fault(at stage: CommitStage) -> String? {
    guard isFailing.load(ordering: .relaxed) == (stage == .write ? 1 : 2) else { return nil }
    isFailing.store(0, ordering: .relaxed)
    return "the simulated disk failed"
  }
}
