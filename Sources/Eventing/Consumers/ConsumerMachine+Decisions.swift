import CloudstateModel
import NIOCore
import ShardStore

// What a consumer does next, and when its position is stored.
extension ConsumerMachine {
  mutating func advance(now: NIODeadline) {
    saveIfDue(now: now)
    guard case .ready = phase else { return }
    if isStopping {
      guard saving == nil else { return }
      phase = .finished
      actions.append(.finished)
    } else if unsaved >= settings.eventsPerSave {
      // The next event would be one too many to repeat.
      return
    } else if pageIndex < page.count {
      phase = .calling(page[pageIndex])
      actions.append(.call(page[pageIndex], refusals: refusals))
    } else if mustRead || known > cursor.batches {
      mustRead = false
      phase = .reading
      actions.append(.read(after: cursor.batches, byteLimit: settings.readByteLimit))
    }
  }

  mutating func take(_ read: StreamPage) {
    page.removeAll(keepingCapacity: true)
    pageIndex = 0
    guard let last = read.batches.last else { return }
    pageEnd = last.position
    for batch in read.batches {
      guard batch.entity.persistenceID.utf8.elementsEqual(eventLog.utf8), !batch.events.isEmpty
      else {
        passedBatches += 1
        continue
      }
      let done = batch.position == cursor.batches.next ? Int(cursor.events) : 0
      for (index, event) in batch.events.enumerated().dropFirst(done) {
        page.append(
          ConsumedEvent(
            shard: shard, position: batch.position, index: index,
            isLastOfBatch: index == batch.events.count - 1, entity: batch.entity, event: event))
      }
    }
    if page.isEmpty { cursor = ConsumerPosition(batches: pageEnd) }
  }

  mutating func finish(_ event: ConsumedEvent, now: NIODeadline) {
    pageIndex += 1
    cursor = pageIndex < page.count ? event.done : ConsumerPosition(batches: pageEnd)
    failures = 0
    attempts = 0
    refusals = 0
    unsaved += 1
    if saveAt == nil { saveAt = now + settings.saveInterval }
  }

  mutating func skip(_ event: ConsumedEvent, because reason: String, now: NIODeadline) {
    actions.append(.report(.skipped(event, reason: reason)))
    finish(event, now: now)
    isSaveUrgent = true
  }

  mutating func failed(
    _ event: ConsumedEvent, because reason: String, counts: Bool, now: NIODeadline,
    random: Double
  ) {
    guard !isStopping else { return }
    failures += 1
    if counts { attempts += 1 }
    isSaveUrgent = true
    if counts, let maximum = settings.maximumAttempts, attempts >= maximum {
      switch settings.poison {
      case .skip: skip(event, because: reason, now: now)
      case .stop:
        phase = .halted
        actions.append(.report(.halted(event, reason: reason)))
      }
      return
    }
    let delay = settings.retryDelay(afterFailures: failures, random: random)
    if failures.isPowerOfTwo {
      actions.append(
        .report(.retrying(event, failures: failures, delay: delay, reason: reason)))
    }
    phase = .waiting(until: now + delay, thenLoad: false)
  }

  mutating func lookupFailed(
    _ failure: StreamReadFailure, thenLoad: Bool, now: NIODeadline, random: Double
  ) {
    mustRead = true
    lookupFailures += 1
    if lookupFailures.isPowerOfTwo {
      actions.append(.report(.cannotRead(reason: failure.message)))
    }
    let delay = settings.retryDelay(afterFailures: lookupFailures, random: random)
    phase = .waiting(until: now + delay, thenLoad: thenLoad)
  }

  // MARK: The position

  var saveDueAt: NIODeadline? {
    guard cursor != stored, !isGivenUp else { return nil }
    let isFull = unsaved >= settings.eventsPerSave || passedBatches >= settings.passedBatchesPerSave
    let due = isFull || isSaveUrgent || isStopping ? .distantPast : saveAt
    return due.map { max($0, isStopping ? .distantPast : savesAgainAt ?? .distantPast) }
  }

  mutating func saveIfDue(now: NIODeadline) {
    guard saving == nil, let due = saveDueAt, due <= now else { return }
    // While an event is with the function of a consumer that stops, what follows it will be stored.
    if isStopping, case .calling = phase { return }
    saving = (cursor, unsaved)
    passedBatches = 0
    saveAt = nil
    isSaveUrgent = false
    actions.append(.store(cursor))
  }
}

extension Int {
  fileprivate var isPowerOfTwo: Bool { self > 0 && self & (self - 1) == 0 }
}
