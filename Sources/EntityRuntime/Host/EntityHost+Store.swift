import CloudstateModel
import NIOCore
import NIOPosix
import ShardStore

/// A batch whose outcome is not known yet.
struct SubmittedBatch {
  let instance: EntityInstance
  let submittedAt: UInt64
}

// What entities ask of the store.
extension EntityHost {
  func commit(_ order: CommitOrder, of instance: EntityInstance) {
    lastToken += 1
    let now = now()
    uncommitted[lastToken] = SubmittedBatch(instance: instance, submittedAt: now)
    configuration.meters.store?.begin(at: now)
    let batch = ShardBatch(
      shard: instance.shard.id, epoch: order.epoch, entity: instance.key,
      time: ShardStoreConfiguration.systemTime(),
      firstSequence: order.firstSequence, events: order.events, snapshot: order.snapshot,
      idempotency: order.remember.map {
        IdempotencyRecord(
          key: $0.key, commandFingerprint: $0.fingerprint, answer: AnswerCodec.bytes($0.answer))
      })
    store.submit(batch, token: lastToken, to: sink)
  }

  func completed(_ outcomes: [CommitOutcome]) {
    for outcome in outcomes {
      guard let batch = uncommitted.removeValue(forKey: outcome.token) else { continue }
      endBatch(batch)
      batch.instance.committed(outcome.result)
    }
  }

  func endBatch(_ batch: SubmittedBatch) {
    configuration.meters.store?.end(begunAt: batch.submittedAt, at: now())
  }

  func lookUp(_ key: String, of instance: EntityInstance) -> KeyLookup {
    do {
      guard let record = try store.idempotencyRecord(key, of: instance.key, in: instance.shard.id)
      else { return .absent }
      guard var answer = AnswerCodec.answer(bytes: record.answer) else {
        return .failed(
          StoreError(.corruptRecord, "the answer kept under idempotency key \(key) is unreadable"))
      }
      answer.commitment?.position = record.position
      return .remembered(fingerprint: record.commandFingerprint, answer)
    } catch {
      note(error, in: instance.shard.id)
      return .failed(error)
    }
  }

  /// A copy with a record that cannot be read may be replaced by another one.
  private func note(_ error: StoreError, in shard: ShardID) {
    if error.code == .corruptRecord { configuration.foundDamage?(shard, error.message) }
  }

  /// Reads a page of the journal on the reader threads and hands it over on this loop.
  func readJournal(
    of instance: EntityInstance, after sequence: SequenceNumber?,
    completion: @escaping (Result<RecoveryPage, StoreError>) -> Void
  ) {
    let (store, key, shard) = (store, instance.key, instance.shard.id)
    let limit = configuration.replayPageBytes
    let isValue = instance.kind == .value
    let wantsSnapshot = sequence == nil && (isValue || configuration.usesSnapshots)
    reader.runIfActive(eventLoop: eventLoop) { () -> Result<RecoveryPage, StoreError> in
      do throws(StoreError) {
        let snapshot = wantsSnapshot ? try store.snapshot(of: key, in: shard) : nil
        // The newest change of a value is the value.
        if isValue { return .success(RecoveryPage(snapshot: snapshot, events: [], hasMore: false)) }
        let start = sequence ?? snapshot?.sequence ?? .none
        let events = try store.events(of: key, in: shard, after: start, byteLimit: limit)
        // Only the store knows where it cut the page.
        var hasMore = false
        if let last = events.last {
          hasMore = try !store.events(of: key, in: shard, after: last.sequence, byteLimit: 0)
            .isEmpty
        }
        return .success(RecoveryPage(snapshot: snapshot, events: events, hasMore: hasMore))
      } catch {
        return .failure(error)
      }
    }.assumeIsolated().whenComplete { result in
      switch result {
      case .success(let page):
        if case .failure(let error) = page { self.note(error, in: shard) }
        completion(page)
      case .failure: completion(.failure(StoreError(.closed, "the node is stopping")))
      }
    }
  }
}

/// Hands commit outcomes from the committer thread to the host's loop, one hop per sync.
final class HostCommitSink: CommitSink, @unchecked Sendable {
  // `host` is set before the sink is given to any store, and afterwards touched only on its loop.
  let eventLoop: any EventLoop
  /// Unset when the host has stopped; until then the two keep each other alive. A weak reference would
  /// make every retain of the host, which is on the way of each command, a slow one.
  var host: NIOLoopBound<EntityHost>?

  init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func completed(_ outcomes: [CommitOutcome]) {
    eventLoop.execute { self.host?.value.completed(outcomes) }
  }
}
