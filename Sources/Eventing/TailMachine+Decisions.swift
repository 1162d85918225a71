import CloudstateModel
import GRPCTransport
import NIOCore
import ShardStore

/// What answers mean for a shard.
extension TailMachine {
  /// Takes the outstanding lookup off a shard; answers it with the shard's slot, or `nil` for an answer
  /// nobody waits for.
  mutating func takeAnswer(of shard: UInt32) -> (slot: Int, lookup: Lookup)? {
    guard !isFinished, let slot = slots[shard], let lookup = shards[slot].outstanding else {
      return nil
    }
    if case .read = lookup {
      outstandingReads -= 1
    } else {
      outstandingQuestions -= 1
    }
    shards[slot].outstanding = nil
    return (slot, lookup)
  }

  /// Plans another try and, when the trouble lasts, a notice.
  mutating func failed(
    _ slot: Int, _ reason: StreamReadFailure, of lookup: Lookup, now: NIODeadline
  ) {
    let earlier = shards[slot].failing
    let count = (earlier?.count ?? 0) + 1
    let since = earlier?.since ?? now
    shards[slot].failing = TailedShard.Failing(
      since: since, count: count, retryAt: now + settings.retryDelay(afterFailures: count),
      reason: reason, isAnnounced: earlier?.isAnnounced ?? false,
      failedRead: lookup.isRead || earlier?.failedRead == true)
    if earlier?.isAnnounced != true {
      notices.failing(since: since, patience: settings.noticeAfter)
    }
    // Events committed while the owner could not be asked are new to this call.
    if case .starting(.new) = shards[slot].phase {
      shards[slot].phase = .starting(.since(startedAt))
    }
  }

  /// Ends a row of failures. Where a read has failed only a read ends it: an owner that answers small
  /// questions may still be unable to read its events.
  mutating func succeeded(_ slot: Int, with lookup: Lookup, now: NIODeadline) {
    shards[slot].lastContact = now
    if shards[slot].failing?.failedRead == true, !lookup.isRead {
      shards[slot].failing?.mayRead = true
      return
    }
    if let failing = shards[slot].failing, failing.isAnnounced {
      notices.recovered(shards[slot].index, now: now)
    }
    shards[slot].failing = nil
  }

  /// Uses a position that was asked for.
  mutating func positioned(_ slot: Int, at position: Position, by lookup: Lookup) {
    switch shards[slot].phase {
    case .starting(.since):
      // The answer to an older question, asked before the shard was given up, says something else.
      guard case .locate = lookup else { return }
      shards[slot].cursor = Position(position.number - min(position.number, 1))
      shards[slot].known = max(shards[slot].known, shards[slot].cursor)
      shards[slot].phase = .following
    case .starting(.last(let count)):
      shards[slot].end = position
      shards[slot].known = max(shards[slot].known, position)
      let scan = LastEventsScan(wanted: count, end: position)
      shards[slot].phase = scan.nextRead == nil ? .scanned([]) : .scanning(scan)
    case .starting:
      shards[slot].end = position
      shards[slot].cursor = position
      shards[slot].known = max(shards[slot].known, position)
      shards[slot].phase = .following
    case .scanning, .scanned: break
    case .following:
      shards[slot].known = max(shards[slot].known, position)
      if shards[slot].end == nil { learnEnd(slot, position) }
    }
  }

  /// Takes the first position heard of an owner as what is stored now.
  private mutating func learnEnd(_ slot: Int, _ end: Position) {
    shards[slot].end = end
    let cursor = shards[slot].cursor
    guard end < cursor else { return }
    pending.append(
      .notice(
        """
        shard \(shards[slot].index) ends at position \(end), before the position \(cursor) asked \
        for: was its data replaced? Events up to \(cursor) will not be shown
        """))
  }

  /// Sends what matches in a page and moves the cursor behind it.
  mutating func follow(_ slot: Int, _ page: StreamPage) {
    let cursor = shards[slot].cursor
    let limit = plan.endsAtCurrent ? shards[slot].end : nil
    for batch in page.batches where batch.position > shards[slot].cursor {
      if let limit, batch.position > limit { break }
      send(batch, slot: slot)
    }
    // A read that finds nothing ends the search, unless more was committed since it was sent: else a
    // position that was announced but is not there would be asked for again and again.
    if shards[slot].cursor > cursor || shards[slot].known > shards[slot].knownAtRead {
      shards[slot].known = max(shards[slot].known, page.lastPosition)
    } else {
      shards[slot].known = shards[slot].cursor
    }
  }

  private mutating func send(_ batch: StreamBatch, slot: Int) {
    let shard = shards[slot].index
    if batch.position > shards[slot].cursor.next {
      pending.append(
        .notice(
          """
          shard \(shard): positions \(shards[slot].cursor.next) to \(batch.position.number - 1) \
          are no longer stored
          """))
    }
    var first = 0
    if let wanted = shards[slot].firstWanted, wanted.position == batch.position {
      first = wanted.index
    }
    let matches = plan.filter.matches(in: batch, of: shard, startingAt: first)
    for match in matches { pending.append(.send(match)) }
    shards[slot].cursor = batch.position
    if !matches.isEmpty { shards[slot].announced = batch.position }
  }
}

/// What to do next.
extension TailMachine {
  /// Once the last events of every shard are known, begins with the last ones of all. A shard that
  /// cannot be read does not hold up the others: it joins with what is new since the call.
  mutating func startChosenEvents() {
    guard !hasChosenLast, case .last(let count) = plan.start else { return }
    var candidates: [UInt32: [EventAddress]] = [:]
    var abandoned: [Int] = []
    for (slot, shard) in shards.enumerated() {
      switch shard.phase {
      case .scanned(let addresses): candidates[shard.index] = addresses
      case .starting, .scanning:
        guard shard.failing?.isAnnounced == true else { return }
        abandoned.append(slot)
      case .following: break
      }
    }
    hasChosenLast = true
    for slot in abandoned { shards[slot].phase = .starting(.since(startedAt)) }
    let chosen = firstOfLastEvents(count, among: candidates)
    for slot in shards.indices {
      guard case .scanned = shards[slot].phase else { continue }
      let end = shards[slot].end ?? .start
      if let first = chosen[shards[slot].index] {
        shards[slot].firstWanted = first
        shards[slot].cursor = Position(first.position.number - 1)
      } else {
        shards[slot].cursor = end
      }
      shards[slot].phase = .following
    }
    // The client must know where each shard begins before anything is sent: should the connection
    // break, the last events counted from then on would be others.
    mustReport = true
  }

  /// Marks shards of which nothing was heard for a while.
  mutating func beginPolls(now: NIODeadline) {
    guard now >= nextPoll else { return }
    nextPoll = now + settings.pollInterval
    let quietSince = now - .nanoseconds(settings.pollInterval.nanoseconds / 2)
    for slot in shards.indices where shards[slot].lastContact <= quietSince {
      shards[slot].isPollDue = true
    }
  }

  /// Sends lookups, each shard in its turn, as far as the bound allows.
  mutating func beginLookups(now: NIODeadline) {
    guard !shards.isEmpty else { return }
    let first = turn
    for offset in shards.indices {
      let slot = (first + offset) % shards.count
      guard
        let lookup = shards[slot].wanted(
          now: now, byteLimit: settings.readByteLimit, endsAtCurrent: plan.endsAtCurrent)
      else { continue }
      if case .read = lookup {
        guard outstandingReads < settings.maximumOutstandingReads else { continue }
        outstandingReads += 1
        turn = (slot + 1) % shards.count
      } else {
        guard outstandingQuestions < settings.maximumOutstandingQuestions else { continue }
        outstandingQuestions += 1
      }
      shards[slot].outstanding = lookup
      shards[slot].isPollDue = false
      shards[slot].knownAtRead = shards[slot].known
      pending.append(.look(shard: shards[slot].index, lookup))
    }
  }

  /// Tells the client how far it is: when it has caught up, regularly when cursors moved, and from
  /// time to time to show that the call lives.
  mutating func reportProgress(now: NIODeadline) {
    let catchesUp = !isCaughtUp && shards.allSatisfy(\.isCaughtUp)
    if !catchesUp, !mustReport {
      guard isWritable else { return }
      let interval =
        shards.contains(where: \.isUnannounced)
        ? settings.progressInterval : settings.heartbeatInterval
      guard now >= lastProgress + interval else { return }
    }
    isCaughtUp = isCaughtUp || catchesUp
    mustReport = false
    lastProgress = now
    var cursors: [ShardCursor] = []
    for slot in shards.indices where shards[slot].isUnannounced {
      shards[slot].announced = shards[slot].cursor
      cursors.append(ShardCursor(shard: shards[slot].index, position: shards[slot].cursor))
    }
    pending.append(.progress(cursors, caughtUp: isCaughtUp))
  }

  /// Ends a call that was to end at the current end.
  mutating func endIfDone(now: NIODeadline) {
    guard plan.endsAtCurrent else { return }
    if isCaughtUp {
      isFinished = true
      pending.append(.finish(.ok))
      return
    }
    let hopeless = shards.first { shard in
      shard.failing.map { now >= $0.since + settings.giveUpAfter } ?? false
    }
    guard let hopeless, let reason = hopeless.failing?.reason else { return }
    isFinished = true
    pending.append(
      .finish(GRPCStatus(.unavailable, "shard \(hopeless.index) cannot be read: \(reason)")))
  }
}
