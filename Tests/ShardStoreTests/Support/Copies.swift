import CloudstateModel
import RocksDB
import ShardStore
import Synchronization
import TestSupport
import Testing

// What copies of shards are tested with.

extension ShardCopies {
  func append(_ append: CopyAppend) async throws -> CopyAppendOutcome {
    try await withCheckedContinuation { continuation in
      self.append(append) { continuation.resume(returning: $0) }
    }.get()
  }

  /// Opens a shard without blocking a thread.
  func open(_ shard: ShardID, epoch: UInt64) async throws -> ShardEnd {
    try await withCheckedContinuation { continuation in
      openShard(shard, epoch: Epoch(epoch)) { continuation.resume(returning: $0) }
    }.get()
  }

  func close(_ shard: ShardID) async {
    await withCheckedContinuation { continuation in
      closeShard(shard) { continuation.resume() }
    }
  }

  func drop(_ shard: ShardID, epoch: UInt64) async throws {
    try await withCheckedContinuation { continuation in
      dropShard(shard, epoch: Epoch(epoch)) { continuation.resume(returning: $0) }
    }.get()
  }

  /// All deltas of a shard.
  func allDeltas(of shard: ShardID) throws -> [ShardDelta] {
    try deltas(of: shard, after: .start, byteLimit: .max)
  }

  /// Sends another store's copy what it lacks of this one, or all of it anew if it holds something else.
  ///
  /// - Parameter byteLimit: of each append.
  func bring(
    _ other: any ShardCopies, upToDateIn shard: ShardID, epoch: UInt64, byteLimit: Int = .max
  ) async throws {
    var end = try other.end(of: shard)
    var startsOver = try self.epoch(of: shard, at: end.position) != end.epoch
    while true {
      if startsOver { end = .empty }
      let deltas = try deltas(of: shard, after: end.position, byteLimit: byteLimit)
      let outcome = try await other.append(
        CopyAppend(
          shard: shard, epoch: Epoch(epoch), after: end.position, afterEpoch: end.epoch,
          deltas: deltas, startsOver: startsOver))
      startsOver = false
      #expect(outcome == .appended(deltas.last?.position ?? end.position))
      if deltas.isEmpty { return }
      end = try other.end(of: shard)
    }
  }
}

/// Keeps what an append came to.
final class AppendRecorder: Sendable {
  private let result = Mutex<Result<CopyAppendOutcome, StoreError>?>(nil)

  var completion: @Sendable (Result<CopyAppendOutcome, StoreError>) -> Void {
    { [self] outcome in result.withLock { $0 = outcome } }
  }

  func wait() async throws -> Result<CopyAppendOutcome, StoreError> {
    try await eventually("the append is answered") { result.withLock { $0 != nil } }
    return try #require(result.withLock { $0 })
  }
}

/// An append of deltas that follow each other, behind the position before the first.
func append(
  _ shard: ShardID, epoch: UInt64, afterEpoch: UInt64, _ deltas: [ShardDelta],
  consumers: [ConsumerID: ConsumerPosition] = [:]
) -> CopyAppend {
  CopyAppend(
    shard: shard, epoch: Epoch(epoch),
    after: Position((deltas.first?.position.number ?? 1) - 1), afterEpoch: Epoch(afterEpoch),
    deltas: deltas, consumers: consumers)
}

func delta(
  _ position: UInt64, epoch: UInt64 = 1, entity id: String = "a", at milliseconds: Int64 = 1000,
  from first: Int64 = 1, events: [String] = [], snapshot: String? = nil,
  idempotency: IdempotencyRecord? = nil
) -> ShardDelta {
  ShardDelta(
    position: Position(position), epoch: Epoch(epoch), time: time(milliseconds),
    entity: entity(id), firstSequence: SequenceNumber(events.isEmpty ? 0 : first),
    events: events.map(payload), snapshot: snapshot.map(payload), idempotency: idempotency)
}

func end(_ position: UInt64, epoch: UInt64, at milliseconds: Int64 = 1000) -> ShardEnd {
  ShardEnd(position: Position(position), epoch: Epoch(epoch), time: time(milliseconds))
}

/// Runs something that must fail with an error of the store.
func storeFailure(_ body: () async throws -> Void) async throws -> StoreError {
  do {
    try await body()
  } catch let error as StoreError {
    return error
  }
  Issue.record("it did not fail")
  throw CancellationError()
}

extension StoreHome {
  /// The database of a closed store.
  func withDatabase(_ body: (Database) throws -> Void) throws {
    try body(
      Database.open(
        path: path, options: DatabaseOptions(),
        families: StoreFamily.allCases.map { ColumnFamilyOptions(name: $0.rawValue) }))
  }

  /// Changes or deletes a value behind the store's back.
  func tamper(_ key: StoreKey, _ change: (inout [UInt8]) -> Bool) throws {
    try withDatabase { database in
      let family = try #require(database.family(key.family.rawValue))
      let stored = try database.value(of: key.bytes, in: family)?.copy()
      var value = try #require(stored)
      var batch = WriteBatch(for: database)
      if change(&value) {
        batch.put(key.bytes, value, in: family)
      } else {
        batch.delete(key.bytes, in: family)
      }
      try database.write(batch, sync: true)
    }
  }

  /// Writes a record behind the store's back.
  func write(_ record: some StoredRecord, at key: StoreKey) throws {
    try withDatabase { database in
      var batch = WriteBatch(for: database)
      batch.put(
        key.bytes, record.sealed(under: key.bytes),
        in: try #require(database.family(key.family.rawValue)))
      try database.write(batch, sync: true)
    }
  }
}
