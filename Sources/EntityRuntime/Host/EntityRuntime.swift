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
  private let sharedCounters = EntityCounters()

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
    let counters = sharedCounters
    for index in 0..<used {
      let capacity = configuration.maximumStreams.map { limit in
        limit / used + (index < limit % used ? 1 : 0)
      }
      let (loop, function) = (loops[index], functions[index])
      let host = try await loop.submit {
        NIOLoopBound(
          EntityHost(
            eventLoop: loop, configuration: configuration, capacity: capacity, store: store,
            function: function.value, reader: reader, counters: counters, logger: logger),
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

  private func slot(of shard: ShardID) -> Int { slot(of: shard.index) }

  /// The number of the event loop that runs a shard, among those the runtime was made with.
  package func slot(of shardIndex: UInt32) -> Int { Int(shardIndex) % hosts.count }

  /// Opens a shard of this node for writing and begins to accept its commands.
  ///
  /// - Throws: ``StoreError`` if the store refuses: a higher epoch was seen, or records are corrupt.
  package func open(_ shard: ShardID, epoch: Epoch) async throws {
    let store = store
    let (loop, host) = (loops[slot(of: shard)], hosts[slot(of: shard)])
    do {
      try await reader.runIfActive { _ = try store.openShard(shard, epoch: epoch) }
    } catch {
      loop.execute { host.value.refuse(shard, because: "\(error)") }
      throw error
    }
    try await loop.submit { host.value.own(shard, epoch: epoch) }.get()
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
    await HostShutdown.stop(hosts, on: loops, grace: grace)
  }

  /// Counts since the start of the node; cheap, any thread.
  package var counters: EntityCounters { sharedCounters }
}
