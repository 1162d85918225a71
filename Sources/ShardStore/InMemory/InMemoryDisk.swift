import CloudstateModel
import Synchronization

/// What an ``InMemoryShardStore`` has made durable. It outlives the store: opening another store on the
/// same disk is a restart.
package final class InMemoryDisk: Sendable {
  /// One entity's events and newest snapshot.
  struct Entity: Sendable {
    /// The event with sequence `n` is at `n - 1`.
    var events: [StoredEvent] = []
    var snapshot: StoredSnapshot?
  }

  /// Everything of one shard.
  struct Shard: Sendable {
    var epoch = Epoch.none
    /// Keyed by the stored key of the entity, so that the same texts are equal as on the real disk.
    var entities: [[UInt8]: Entity] = [:]
    /// The record of position `n` is at `n - 1`.
    var stream: [StreamRecord] = []
    /// Keyed by the stored key of the record.
    var answers: [[UInt8]: KeptAnswer] = [:]
  }

  /// Everything on the disk.
  struct Contents: Sendable {
    var shards: [ShardID: Shard] = [:]
    var documents: [[UInt8]: [UInt8]] = [:]
  }

  /// Read by any thread, written by the committer of the store that is open.
  let contents = Mutex(Contents())

  /// An empty disk.
  package init() {}
}

extension InMemoryDisk.Contents {
  /// Writes one admitted batch.
  mutating func write(
    _ batch: ShardBatch, entity: [UInt8], as assignment: CommitLedger.Assignment
  ) {
    let time = assignment.time
    if !batch.events.isEmpty {
      let stored = batch.events.enumerated().map { offset, payload in
        StoredEvent(
          sequence: batch.firstSequence.advanced(by: offset), time: time, payload: payload)
      }
      shards[batch.shard, default: .init()].entities[entity, default: .init()].events += stored
      if let snapshot = batch.snapshot {
        let sequence = batch.firstSequence.advanced(by: batch.events.count - 1)
        shards[batch.shard, default: .init()].entities[entity, default: .init()].snapshot =
          StoredSnapshot(sequence: sequence, payload: snapshot)
      }
    }
    if let answer = batch.idempotency {
      let key = StoreKey.idempotency(batch.shard, batch.entity, key: answer.key).bytes
      shards[batch.shard, default: .init()].answers[key] = KeptAnswer(
        time: time, position: assignment.position,
        commandFingerprint: answer.commandFingerprint, answer: answer.answer)
    }
    shards[batch.shard, default: .init()].stream.append(StreamRecord(of: batch, time: time))
  }
}

/// Puts batches on an in-memory disk. Confined to the committer.
struct InMemoryBackend: CommitBackend {
  private struct Staged {
    let batch: ShardBatch
    let entity: [UInt8]
    let assignment: CommitLedger.Assignment
  }

  private let disk: InMemoryDisk
  private let retention: IdempotencyRetention
  private let fault: CommitFault?
  private var staged: [Staged] = []
  private(set) var stagedBytes = 0

  init(disk: InMemoryDisk, retention: IdempotencyRetention, fault: CommitFault?) {
    self.disk = disk
    self.retention = retention
    self.fault = fault
  }

  mutating func stage(
    _ batch: ShardBatch, entity: [UInt8], as assignment: CommitLedger.Assignment
  ) {
    staged.append(Staged(batch: batch, entity: entity, assignment: assignment))
    stagedBytes += batch.approximateBytes
  }

  mutating func writeStaged() throws(StoreError) {
    defer {
      staged.removeAll(keepingCapacity: true)
      stagedBytes = 0
    }
    let written = staged
    try faultable(fault) {
      disk.contents.withLock { contents in
        for item in written {
          contents.write(item.batch, entity: item.entity, as: item.assignment)
        }
      }
    }
  }

  func epoch(of shard: ShardID) -> Epoch {
    disk.contents.withLock { $0.shards[shard]?.epoch ?? .none }
  }

  mutating func raiseEpoch(of shard: ShardID, to epoch: Epoch) throws(StoreError) {
    try faultable(fault) {
      disk.contents.withLock { $0.shards[shard, default: .init()].epoch = epoch }
    }
  }

  func recover(_ shard: ShardID) -> CommitLedger.Assignment {
    disk.contents.withLock { contents in
      let stream = contents.shards[shard]?.stream ?? []
      return .init(
        position: Position(UInt64(stream.count)),
        time: stream.last?.time ?? Timestamp(unixMilliseconds: .min))
    }
  }

  func holdsEvent(_ sequence: SequenceNumber, of entity: [UInt8], in shard: ShardID) -> Bool {
    disk.contents.withLock { contents in
      let count = contents.shards[shard]?.entities[entity]?.events.count ?? 0
      return sequence > .none && sequence.number <= Int64(count)
    }
  }

  mutating func expireIdempotencyRecords(
    now: Timestamp, in shards: [ShardID], limit: Int
  ) -> Bool {
    disk.contents.withLock { contents in
      for shard in shards {
        guard let answers = contents.shards[shard]?.answers else { continue }
        contents.shards[shard]?.answers = answers.filter {
          !retention.isExpired($0.value.time, now: now)
        }
      }
    }
    return false
  }
}
