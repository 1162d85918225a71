package import CloudstateModel
package import Logging
package import MessageBus
package import NIOCore
package import NIOPosix

/// The shards of a node: follows plans, serves what the node is primary of, keeps what it has copies of
/// (design section 7). May be used from any thread.
package final class ShardReplicator: Sendable {
  private let loops: [any EventLoop]
  private let shards: [NIOLoopBound<LoopShards>]
  private let slot: @Sendable (UInt32) -> Int
  private let server: CopyServer
  /// What this node's copies have promised.
  let leases: LeaseBook

  private init(
    loops: [any EventLoop], shards: [NIOLoopBound<LoopShards>],
    slot: @escaping @Sendable (UInt32) -> Int, server: CopyServer, leases: LeaseBook
  ) {
    self.loops = loops
    self.shards = shards
    self.slot = slot
    self.server = server
    self.leases = leases
  }

  /// Begins to keep copies; nothing is served before ``follow(_:moves:)``.
  ///
  /// - Parameters:
  ///   - loops: the event loops of the node's shards, the same as those of `store`.
  ///   - slot: the number of a shard's loop among them.
  ///   - reader: threads for reads of the store; stopped after ``stop()``.
  package static func start(
    service: ServiceName, settings: ShardReplicationSettings, store: ConfirmingStore,
    bus: any MessageBus, hosting: any ShardHosting, consumers: any ConsumerHosting,
    loops: [any EventLoop], slot: @escaping @Sendable (UInt32) -> Int, reader: NIOThreadPool,
    logger: Logger
  ) async throws -> ShardReplicator {
    let leases = LeaseBook(settings: settings, now: NIODeadline.now().uptimeNanoseconds)
    let environment = ShardEnvironment(
      service: service, settings: settings, store: store, reader: reader,
      fetcher: CopyFetcher(service: service, bus: bus, store: store.inner, settings: settings),
      leases: leases, budget: ReadBudget(bytesPerSecond: settings.catchUpBytesPerSecond),
      hosting: hosting, consumers: consumers, nodeID: bus.nodeID, logger: logger)
    var shards: [NIOLoopBound<LoopShards>] = []
    for (index, loop) in loops.enumerated() {
      shards.append(
        try await loop.submit {
          NIOLoopBound(
            LoopShards(
              eventLoop: loop, outcomes: store.outcomes(ofLoop: index), environment: environment
            ) {
              AppendOutbox(bus: bus, eventLoop: loop, settings: settings, completion: $0)
            }, eventLoop: loop)
        }.get())
    }
    let server = CopyServer(
      service: service, bus: bus, store: store.inner, reader: reader, leases: leases,
      logger: logger)
    let replicator = ShardReplicator(
      loops: loops, shards: shards, slot: slot, server: server, leases: leases)
    store.onConsumerMoved { [weak replicator] shard in
      replicator?.on(shard) { $0.consumerMoved(shard) }
    }
    server.start()
    return replicator
  }

  /// Follows these assignments, each unless a newer one is known, and the moves that the plan has under way.
  package func follow(_ assignments: [ShardAssignment], moves: [ShardMove]) {
    let moves = Dictionary(moves.map { ($0.shard, $0) }) { first, _ in first }
    for assignment in assignments {
      let move = moves[assignment.shard]
      on(assignment.shard) { $0.follow(assignment, move: move) }
    }
  }

  /// A record of this node's copy of a shard turned out to be unreadable: if another copy is in-sync, that one
  /// takes over.
  package func foundDamage(_ shard: ShardID, _ reason: String) {
    on(shard) { $0.foundDamage(shard, reason) }
  }

  /// Scrubbing has found damage in this node's copy of a shard; see ``LoopShards/scrubbed(_:_:stop:)``.
  func scrubbed(_ shard: ShardID, _ reason: String, stop: @escaping @Sendable () -> Void) {
    on(shard) { $0.scrubbed(shard, reason, stop: stop) }
  }

  /// The shards that this node has copies of.
  func heldShards() async -> [ShardID] { await collect { $0.held } }

  /// Tells the coordinator of the shards from now on: of each at once when there is news of it, of all every second.
  /// Called once.
  package func report(to reporter: @escaping ShardReporter) {
    for (loop, shards) in zip(loops, shards) {
      loop.execute { shards.value.report(to: reporter) }
    }
  }

  /// What the coordinator has to know of the shards that this node has.
  func reports() async -> [ShardReport] {
    await collect { $0.reports() }.sorted { $0.shard < $1.shard }
  }

  /// What all loops answer; nothing of one that has ended.
  private func collect<Element: Sendable>(
    _ body: @escaping @Sendable (LoopShards) -> [Element]
  ) async -> [Element] {
    var all: [Element] = []
    for (loop, shards) in zip(loops, shards) {
      all += (try? await loop.submit { body(shards.value) }.get()) ?? []
    }
    return all
  }

  /// Whether every shard that this node is primary of is served, or cannot be.
  package func isSettled() async -> Bool {
    for (loop, shards) in zip(loops, shards) {
      let counts = try? await loop.submit { shards.value.settled }.get()
      guard let counts, counts.settled == counts.all else { return false }
    }
    return true
  }

  /// Ends all sending and keeping. What is not acknowledged by all who must fails.
  package func stop() async {
    server.stop()
    for (loop, shards) in zip(loops, shards) {
      _ = try? await loop.submit { shards.value.stop() }.get()
    }
  }

  private func on(_ shard: ShardID, _ body: @escaping @Sendable (LoopShards) -> Void) {
    let index = slot(shard.index)
    let bound = shards[index]
    loops[index].execute { body(bound.value) }
  }
}
