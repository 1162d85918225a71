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

    /// Where the shard ends.
    var end: ShardEnd {
      guard let last = stream.last else { return .empty }
      return ShardEnd(
        position: Position(UInt64(stream.count)), epoch: last.epoch, time: last.time)
    }

    /// The record of a position.
    subscript(position: Position) -> StreamRecord? {
      let (number, count) = (position.number, UInt64(stream.count))
      return number >= 1 && number <= count ? stream[Int(number) - 1] : nil
    }

    /// The events that a record points to.
    func events(of record: StreamRecord, in shard: ShardID) -> [StoredEvent] {
      guard record.eventCount > 0 else { return [] }
      let key = StoreKey.snapshot(shard, record.entity).bytes
      let first = Int(record.firstSequence.number) - 1
      return Array((entities[key]?.events ?? [])[first..<first + Int(record.eventCount)])
    }
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

  /// What was written by a sync that failed: a restart may find it, and nobody sees it before.
  private let unsynced = Mutex<[@Sendable (inout Contents) -> Void]>([])

  /// An empty disk.
  package init() {}

  /// Keeps what a failed sync has written.
  func leaveUnsynced(_ writes: [@Sendable (inout Contents) -> Void]) {
    unsynced.withLock { $0 += writes }
  }

  /// A store opens: what was not synced turns out to be there.
  func surface() {
    let writes = unsynced.withLock { writes in
      defer { writes = [] }
      return writes
    }
    contents.withLock { contents in
      for write in writes { write(&contents) }
    }
  }

  /// What was not synced is lost, as when the machine loses power. Not while a store is open.
  package func loseUnsynced() { unsynced.withLock { $0 = [] } }
}

extension InMemoryDisk.Contents {
  /// Writes one admitted batch.
  mutating func write(
    _ batch: ShardBatch, entity: [UInt8], as end: ShardEnd
  ) {
    let time = end.time
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
        time: time, position: end.position,
        commandFingerprint: answer.commandFingerprint, answer: answer.answer)
    }
    shards[batch.shard, default: .init()].stream.append(StreamRecord(of: batch, time: time))
  }

  /// Deletes everything of a shard but its epoch.
  mutating func delete(_ shard: ShardID) {
    guard let epoch = shards[shard]?.epoch else { return }
    shards[shard] = .init(epoch: epoch)
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
