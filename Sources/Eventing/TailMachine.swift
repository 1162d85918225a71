package import CloudstateModel
package import GRPCTransport
package import NIOCore
import ShardStore

/// Decides what one tailing call does: which shards to read, what to send, when to tell how far it is.
///
/// A pure value: the shell feeds it answers, notices and writability, then performs ``actions(now:)``
/// and calls again at ``nextWake``. Invariants:
/// - Each matching event behind a shard's start is sent exactly once, in the order of positions.
/// - A cursor only moves to a position when every matching event up to it has been sent before.
/// - At most one lookup per shard and `maximumOutstandingReads` reads in all are outstanding; none is
///   begun while the call is not writable, so a slow client costs a bounded amount of memory.
package struct TailMachine: Sendable {
  /// A question to the owner of a shard. Each is answered once: a `read` through
  /// ``answered(_:page:now:)``, the others through ``answered(_:position:now:)``.
  package enum Lookup: Hashable, Sendable {
    /// Answered with a page.
    case read(after: Position, byteLimit: Int)
    /// Answered with the position as it is now.
    case lastPosition
    /// As `lastPosition`, but an answer up to half a poll interval old will do.
    case poll
    /// Answered with the first position committed at or after the time.
    case locate(since: Timestamp)

    /// Whether events are asked for.
    var isRead: Bool {
      if case .read = self { true } else { false }
    }
  }

  package enum Action: Hashable, Sendable {
    case look(shard: UInt32, Lookup)
    case send(MatchedEvent)
    /// Cursors that have moved, in shard order.
    case progress([ShardCursor], caughtUp: Bool)
    case notice(String)
    /// Ends the call; nothing follows.
    case finish(GRPCStatus)
  }

  /// Everything of the shard up to the position was sent or did not match.
  package struct ShardCursor: Hashable, Sendable {
    package var shard: UInt32
    package var position: Position

    package init(shard: UInt32, position: Position) {
      self.shard = shard
      self.position = position
    }
  }

  let plan: TailPlan
  let settings: TailSettings
  /// Wall-clock time of the call.
  let startedAt: Timestamp
  /// One entry per shard of the plan, in its order; its index is the shard's *slot*.
  var shards: [TailedShard]
  /// The slot of each shard.
  let slots: [UInt32: Int]
  /// Slot at which the next round of lookups begins: every shard gets its turn.
  var turn = 0
  /// Reads sent and not answered.
  var outstandingReads = 0
  /// Other lookups sent and not answered.
  var outstandingQuestions = 0
  /// The call takes more messages.
  var isWritable = true
  /// Every shard has been caught up at some time.
  var isCaughtUp = false
  /// `finish` was among the actions.
  var isFinished = false
  /// The last events to begin with have been chosen, or were not asked for.
  var hasChosenLast: Bool
  /// Progress is sent at once, whatever the intervals say.
  var mustReport = false
  /// Actions for the next ``actions(now:)``.
  var pending: [Action] = []
  /// Which troubles the client must be told of, and when.
  var notices = TailNotices()
  /// When progress was last sent.
  var lastProgress: NIODeadline
  /// When owners are next asked though they said nothing.
  var nextPoll: NIODeadline

  /// - Parameters:
  ///   - wallClock: the time of the call; events of shards that cannot be asked at first count as new
  ///     from then on.
  package init(plan: TailPlan, settings: TailSettings, now: NIODeadline, wallClock: Timestamp) {
    self.plan = plan
    self.settings = settings
    startedAt = wallClock
    shards = plan.shards.map { index in
      if let cursor = plan.cursors[index] {
        return TailedShard(index: index, phase: .following, cursor: cursor, now: now)
      }
      let phase: TailedShard.Phase = plan.start == .all ? .following : .starting(plan.start)
      return TailedShard(index: index, phase: phase, cursor: .start, now: now)
    }
    slots = Dictionary(
      uniqueKeysWithValues: plan.shards.enumerated().map { ($0.element, $0.offset) })
    lastProgress = now
    nextPoll = now + settings.pollInterval
    if case .last = plan.start { hasChosenLast = false } else { hasChosenLast = true }
    if plan.filter.matchesNothing {
      pending.append(
        .notice(
          "none of the subjects can match an event of this service; they begin with "
            + "cs.evt.\(plan.filter.serviceToken)."))
    }
  }

  // MARK: Inputs

  /// The answer to a `read`.
  package mutating func answered(
    _ shard: UInt32, page: Result<StreamPage, StreamReadFailure>, now: NIODeadline
  ) {
    guard let (slot, lookup) = takeAnswer(of: shard) else { return }
    switch page {
    case .failure(let failure): failed(slot, failure, of: lookup, now: now)
    case .success(let page):
      succeeded(slot, with: lookup, now: now)
      if case .scanning(var scan) = shards[slot].phase {
        scan.accept(page.batches, of: shard, filter: plan.filter)
        shards[slot].phase = scan.nextRead == nil ? .scanned(scan.result) : .scanning(scan)
      } else {
        follow(slot, page)
      }
    }
  }

  /// The answer to any other lookup.
  package mutating func answered(
    _ shard: UInt32, position: Result<Position, StreamReadFailure>, now: NIODeadline
  ) {
    guard let (slot, lookup) = takeAnswer(of: shard) else { return }
    switch position {
    case .failure(let failure): failed(slot, failure, of: lookup, now: now)
    case .success(let position):
      succeeded(slot, with: lookup, now: now)
      positioned(slot, at: position, by: lookup)
    }
  }

  /// The shard's owner told that it has committed up to `position`.
  package mutating func noticed(_ shard: UInt32, position: Position, now: NIODeadline) {
    guard let slot = slots[shard] else { return }
    shards[slot].known = max(shards[slot].known, position)
    shards[slot].failing?.retryAt = now
  }

  package mutating func writabilityChanged(_ writable: Bool) { isWritable = writable }

  // MARK: Outputs

  /// What to do now. Empty once the call has finished.
  package mutating func actions(now: NIODeadline) -> [Action] {
    guard !isFinished else { return [] }
    startChosenEvents()
    if isWritable {
      beginPolls(now: now)
      beginLookups(now: now)
      for text in notices.texts(now: now, after: settings.noticeAfter, shards: &shards) {
        pending.append(.notice(text))
      }
    }
    reportProgress(now: now)
    endIfDone(now: now)
    defer { pending.removeAll(keepingCapacity: true) }
    return pending
  }

  /// When to call ``actions(now:)`` again though nothing has been heard; `nil` while the call is not
  /// writable or has finished.
  package var nextWake: NIODeadline? {
    guard isWritable, !isFinished else { return nil }
    var wake = min(nextPoll, lastProgress + settings.heartbeatInterval)
    if let due = notices.nextDue { wake = min(wake, due) }
    // A shard that fails is asked a question first, never for a page.
    let mayRetry = outstandingQuestions < settings.maximumOutstandingQuestions
    for shard in shards {
      if shard.isUnannounced { wake = min(wake, lastProgress + settings.progressInterval) }
      if mayRetry, shard.outstanding == nil, let failing = shard.failing {
        wake = min(wake, failing.retryAt)
      }
    }
    return wake
  }
}
