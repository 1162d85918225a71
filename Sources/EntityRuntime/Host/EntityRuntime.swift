package import CloudstateModel
package import Logging
package import NIOCore
package import NIOPosix
package import ShardStore

/// All entities of one node: hands each command to the event loop that its shard belongs to.
///
/// May be used from any thread.
package final class EntityRuntime: Sendable {
  private let hosts: [NIOLoopBound<EntityHost>]
  private let loops: [any EventLoop]
  private let store: any ShardStore
  private let reader: NIOThreadPool

  /// - Parameters:
  ///   - functions: the user function as each event loop sees it, bound to that loop, at least one.
  ///   - reader: threads on which journals are read; started by the caller and stopped after ``stop(grace:)``.
  package init(
    configuration: EntityRuntimeConfiguration, store: any ShardStore,
    functions: [NIOLoopBound<any FunctionLink>], loops: [any EventLoop], reader: NIOThreadPool,
    logger: Logger
  ) async throws {
    // A function that serves fewer streams than there are loops is served by as many loops as streams, so
    // that the shares add up to no more than its limit.
    let used = min(loops.count, max(1, configuration.maximumStreams ?? loops.count))
    var hosts: [NIOLoopBound<EntityHost>] = []
    for index in 0..<used {
      let capacity = configuration.maximumStreams.map { limit in
        limit / used + (index < limit % used ? 1 : 0)
      }
      let (loop, function) = (loops[index], functions[index])
      let host = try await loop.submit {
        NIOLoopBound(
          EntityHost(
            eventLoop: loop, configuration: configuration, capacity: capacity, store: store,
            function: function.value, reader: reader, logger: logger),
          eventLoop: loop)
      }.get()
      hosts.append(host)
    }
    self.hosts = hosts
    self.loops = Array(loops.prefix(used))
    self.store = store
    self.reader = reader
  }

  /// The event loop on which a shard's entities live.
  package func eventLoop(of shard: ShardID) -> any EventLoop { loops[slot(of: shard)] }

  private func slot(of shard: ShardID) -> Int { Int(shard.index) % hosts.count }

  /// Opens a shard of this node for writing and begins to accept its commands.
  ///
  /// - Throws: ``StoreError`` if the store refuses: a higher epoch was seen, or records are corrupt.
  package func open(_ shard: ShardID, epoch: Epoch) async throws {
    let store = store
    try await reader.runIfActive { try store.openShard(shard, epoch: epoch) }
    let host = hosts[slot(of: shard)]
    try await loops[slot(of: shard)].submit { host.value.own(shard, epoch: epoch) }.get()
  }

  /// Takes a command for an entity of `shard`. `completion` is called exactly once, on
  /// ``eventLoop(of:)``.
  package func submit(
    _ command: EntityCommand, shard: ShardID,
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    let slot = slot(of: shard)
    let (loop, host) = (loops[slot], hosts[slot])
    if loop.inEventLoop {
      host.value.submit(command, shard: shard, completion: completion)
    } else {
      loop.execute { host.value.submit(command, shard: shard, completion: completion) }
    }
  }

  /// Accepts nothing new, lets entities finish what is queued, at most for `grace`.
  package func stop(grace: Duration) async {
    await withTaskGroup(of: Void.self) { group in
      for (loop, host) in zip(loops, hosts) {
        group.addTask {
          await withCheckedContinuation { continuation in
            let finish = OneShot { continuation.resume() }
            loop.execute { host.value.stop { finish.fire() } }
            loop.scheduleTask(in: .nanoseconds(Int64(clamping: grace.inNanoseconds))) {
              finish.fire()
            }
          }
        }
      }
    }
  }

  /// Counts for heartbeats and status: commands taken since start, entities in memory.
  package func statistics() async -> EntityStatistics {
    var sum = EntityStatistics()
    for (loop, host) in zip(loops, hosts) {
      let part = try? await loop.submit {
        EntityStatistics(
          commands: host.value.handledCommands, activeEntities: host.value.activeEntities)
      }.get()
      sum.commands &+= part?.commands ?? 0
      sum.activeEntities += part?.activeEntities ?? 0
    }
    return sum
  }
}

/// What a node's entities are doing.
package struct EntityStatistics: Sendable {
  package var commands: UInt64 = 0
  package var activeEntities: Int = 0
}

/// Runs its body once, however often it is fired. Confined to one event loop.
private final class OneShot: @unchecked Sendable {
  // Fired only on the loop that `stop` names, hence without a lock.
  private var body: (() -> Void)?

  init(_ body: @escaping () -> Void) { self.body = body }

  func fire() {
    body?()
    body = nil
  }
}
