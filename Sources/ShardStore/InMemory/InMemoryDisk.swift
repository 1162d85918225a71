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
    /// Keyed by the stored key of the record.
    var consumers: [[UInt8]: ConsumerPosition] = [:]
  }

  /// This node's copy of one replicated entity.
  struct Replica: Sendable {
    let entity: EntityKey
    var whole: [UInt8]?
    /// The delta with number `n` is at `n - 1`.
    var deltas: [[UInt8]] = []
  }

  /// Everything on the disk.
  struct Contents: Sendable {
    var shards: [ShardID: Shard] = [:]
    var documents: [[UInt8]: [UInt8]] = [:]
    /// Keyed by the beginning of their stored keys.
    var replicas: [[UInt8]: Replica] = [:]
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

  /// Writes a change of a replicated entity's copy.
  mutating func write(_ write: ReplicaWrite) {
    let key = KeyRange.replica(of: write.entity).lower
    var replica = replicas[key] ?? .init(entity: write.entity)
    switch write.change {
    case .delta(let content, let number):
      replica.deltas.removeSubrange(min(Int(number) - 1, replica.deltas.count)...)
      replica.deltas.append(content)
    case .whole(let content, let lastNumber):
      replica.whole = content
      replica.deltas.removeFirst(min(Int(lastNumber), replica.deltas.count))
    }
    replicas[key] = replica
  }
}

/// Puts batches on an in-memory disk. Confined to the committer.
struct InMemoryBackend: CommitBackend {
  private enum Staged {
    case batch(ShardBatch, entity: [UInt8], CommitLedger.Assignment)
    case replica(ReplicaWrite)
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
    staged.append(.batch(batch, entity: entity, assignment))
    stagedBytes += batch.approximateBytes
  }

  mutating func stage(_ write: ReplicaWrite) {
    staged.append(.replica(write))
    stagedBytes += write.approximateBytes
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
          switch item {
          case .batch(let batch, let entity, let assignment):
            contents.write(batch, entity: entity, as: assignment)
          case .replica(let write): contents.write(write)
          }
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
