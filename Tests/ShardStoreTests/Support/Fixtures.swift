import CloudstateModel
import Dispatch
import Logging
import ShardStore
import Synchronization
import TestSupport
import Testing

/// The two implementations that must behave the same.
enum StoreKind: CaseIterable {
  case inMemory, rocksDB
}

/// A place where stores of one kind live: opening the next one after closing is a restart.
final class StoreHome {
  let kind: StoreKind
  private let directory: TemporaryDirectory
  let disk = InMemoryDisk()

  var path: String { "\(directory.path)/data" }

  init(_ kind: StoreKind) throws {
    self.kind = kind
    directory = try TemporaryDirectory()
  }

  func open(
    _ configuration: ShardStoreConfiguration = ShardStoreConfiguration(),
    fault: CommitFault? = nil
  ) throws -> any ShardVerifying {
    switch kind {
    case .inMemory:
      try InMemoryShardStore(disk: disk, configuration: configuration, fault: fault)
    case .rocksDB:
      try RocksDBShardStore.open(
        path: path, configuration: configuration, logger: .silent, fault: fault)
    }
  }
}

extension Logger {
  static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

/// A disk that fails or stalls when told.
final class FaultyDisk: Sendable {
  private struct State {
    var failing: CommitStage?
    var isHeld = false
    var holding = 0
    var commits = 0
  }

  private let state = Mutex(State())
  private let released = DispatchSemaphore(value: 0)

  var fault: CommitFault {
    { [self] stage in
      let (reason, mustWait) = state.withLock { state in
        if stage == .write { state.commits += 1 }
        let mustWait = stage == .write && state.isHeld
        if mustWait { state.holding += 1 }
        guard state.failing == stage else { return (String?.none, mustWait) }
        state.failing = nil
        return ("no space left on device", mustWait)
      }
      if mustWait { released.wait() }
      return reason
    }
  }

  /// The next commit fails at this stage.
  func failNext(at stage: CommitStage) { state.withLock { $0.failing = stage } }

  /// Commits wait before they write, until ``release()``.
  func hold() { state.withLock { $0.isHeld = true } }

  /// Whether a commit waits.
  var isHolding: Bool { state.withLock { $0.holding > 0 } }

  /// Commits begun.
  var commits: Int { state.withLock { $0.commits } }

  /// Lets the commit go on that waits, and holds the next.
  func releaseOne() {
    state.withLock { $0.holding -= 1 }
    released.signal()
  }

  func release() {
    let waiting = state.withLock { state in
      state.isHeld = false
      defer { state.holding = 0 }
      return state.holding
    }
    for _ in 0..<waiting { released.signal() }
  }
}

/// A clock that stands still until it is set.
final class ManualClock: Sendable {
  private let time: Mutex<Timestamp>

  init(_ milliseconds: Int64) {
    time = Mutex(Timestamp(unixMilliseconds: milliseconds))
  }

  var now: Timestamp { time.withLock { $0 } }

  func set(_ milliseconds: Int64) {
    time.withLock { $0 = Timestamp(unixMilliseconds: milliseconds) }
  }
}

func shard(_ index: UInt32, of service: String = "cart") throws -> ShardID {
  ShardID(service: try #require(ServiceName(service)), index: index)
}

func entity(_ id: String) -> EntityKey { EntityKey(persistenceID: "carts", entityID: id) }

func time(_ milliseconds: Int64) -> Timestamp { Timestamp(unixMilliseconds: milliseconds) }

func payload(_ text: String) -> OpaquePayload {
  OpaquePayload(typeURL: "type.googleapis.com/Event", value: Array(text.utf8))
}

func batch(
  _ shard: ShardID, epoch: UInt64 = 1, entity id: String = "a", at milliseconds: Int64 = 1000,
  from first: Int64 = 1, events: [String] = [], snapshot: String? = nil,
  idempotency: IdempotencyRecord? = nil
) -> ShardBatch {
  ShardBatch(
    shard: shard, epoch: Epoch(epoch), entity: entity(id), time: time(milliseconds),
    firstSequence: SequenceNumber(first), events: events.map(payload),
    snapshot: snapshot.map(payload), idempotency: idempotency)
}
