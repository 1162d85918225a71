import CloudstateModel
import Logging
import MessageBus
import NIOCore
import NIOPosix
import RocksDB
import ShardStore
import Synchronization
import TestSupport
import Testing

@testable import ShardReplication

/// Replication of one node over a real store and a bus in memory; the test plays whoever runs entities.
final class ReplicationNode: Sendable {
  let id: NodeID
  let path: String
  let host = PlayedHost()
  let store: ConfirmingStore
  let copies: RocksDBShardStore
  let replicator: ShardReplicator
  private let bus: InMemoryMessageBus
  private let loop: any EventLoop
  private let reader: NIOThreadPool

  /// - Parameter path: where the store is, which outlives the node.
  init(
    _ id: NodeID, at path: String, in network: InMemoryNetwork, peers: [NodeID],
    settings: ShardReplicationSettings = .quick, disk: FailingDisk = FailingDisk()
  ) async throws {
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    self.id = id
    self.path = path
    loop = MultiThreadedEventLoopGroup.singleton.next()
    copies = try RocksDBShardStore.open(path: path, logger: logger, fault: disk.fault)
    store = ConfirmingStore(copies, loops: [loop]) { _ in 0 }
    bus = network.join(as: id)
    for peer in peers {
      bus.connect(
        to: BusPeer(
          node: peer, requestEndpoint: "memory://\(peer)", publishEndpoint: "", incarnation: 1))
    }
    reader = NIOThreadPool(numberOfThreads: 1)
    reader.start()
    replicator = try await ShardReplicator.start(
      service: #require(ServiceName("cart")), settings: settings, store: store, bus: bus,
      hosting: host, consumers: host, loops: [loop], slot: { _ in 0 }, reader: reader,
      logger: logger)
  }

  func follow(_ assignment: ShardAssignment, move: ShardMove? = nil) {
    replicator.follow([assignment], moves: move.map { [$0] } ?? [])
  }

  /// Submits a batch as an entity would; the outcome comes to the recorder.
  func submit(_ batch: ShardBatch, to outcomes: Outcomes) async throws {
    let store = store
    try await loop.submit { store.submit(batch, token: 1, to: outcomes) }.get()
  }

  /// Returns when what waits on the loop of the shards has run, `body` last.
  func settle(_ body: @escaping @Sendable () -> Void = {}) async throws {
    try await loop.submit(body).get()
  }

  func report() async -> ShardReport? { await replicator.reports().first }

  func stop() async throws {
    await replicator.stop()
    try await reader.shutdownGracefully()
    bus.shutdown()
    copies.close()
  }
}

extension ShardReplicationSettings {
  /// Times for tests that wait for them.
  static var quick: Self {
    var settings = ShardReplicationSettings()
    settings.lease = .milliseconds(100)
    settings.leaseMargin = .milliseconds(10)
    settings.fenceTimeout = .milliseconds(100)
    settings.retryDelay = .milliseconds(5)
    return settings
  }
}

/// Entities and consumers, as far as replication knows them.
final class PlayedHost: ShardHosting, ConsumerHosting {
  enum Event: Equatable { case expect, serve, handOver, giveUp, startConsumers, stopConsumers }

  private let state = Mutex<(events: [Event], stops: [@Sendable () -> Void])>(([], []))

  func count(of event: Event) -> Int { state.withLock { $0.events.count { $0 == event } } }

  /// What consumers say when they have stopped, of each time they were told to; to be called on the loop.
  var stops: [@Sendable () -> Void] { state.withLock { $0.stops } }

  private func note(_ event: Event) { state.withLock { $0.events.append(event) } }

  func expect(_ shard: ShardID) { note(.expect) }

  func serve(_ shard: ShardID, epoch: Epoch, leaseEnd: UInt64) { note(.serve) }

  func extendLease(of shard: ShardID, to leaseEnd: UInt64) {}

  func takeCommandCount(of shard: ShardID) -> UInt64 { 0 }

  func handOver(_ shard: ShardID, completion: @escaping @Sendable () -> Void) {
    note(.handOver)
    completion()
  }

  func giveUp(_ shard: ShardID, because reason: String) { note(.giveUp) }

  func start(_ shard: ShardID) { note(.startConsumers) }

  func stop(_ shard: ShardID, completion: @escaping @Sendable () -> Void) {
    state.withLock { state in
      state.events.append(.stopConsumers)
      state.stops.append(completion)
    }
  }

  func giveUp(_ shard: ShardID) {}
}

/// Keeps outcomes of batches.
final class Outcomes: CommitSink {
  private let all = Mutex<[CommitOutcome]>([])

  func completed(_ outcomes: [CommitOutcome]) { all.withLock { $0 += outcomes } }

  var count: Int { all.withLock { $0.count } }

  /// Failures by their code, `nil` for what was committed.
  var failures: [StoreError.Code?] {
    all.withLock { all in
      all.map { if case .failure(let error) = $0.result { error.code } else { nil } }
    }
  }
}

/// A disk that fails from a moment on.
final class FailingDisk: Sendable {
  private let hasFailed = Mutex(false)

  func fail() { hasFailed.withLock { $0 = true } }

  var fault: CommitFault {
    { [self] stage in
      stage == .sync && hasFailed.withLock { $0 } ? "no space left on device" : nil
    }
  }
}
