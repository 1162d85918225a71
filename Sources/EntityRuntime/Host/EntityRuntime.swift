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
  private let sharedCounters = EntityCounters()

  /// - Parameters:
  ///   - functions: the user function as each event loop sees it, bound to that loop, at least one.
  ///   - reader: threads on which journals are read; started by the caller and stopped after ``stop(grace:)``.
  package init(
    configuration: EntityRuntimeConfiguration, store: any ShardStore,
    functions: [NIOLoopBound<any FunctionLink>], loops: [any EventLoop], reader: NIOThreadPool,
    logger: Logger
  ) async throws {
    let used = configuration.usedLoops(of: loops.count)
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
  }

  /// The event loop on which a shard's entities live.
  package func eventLoop(of shard: ShardID) -> any EventLoop { loops[slot(of: shard)] }

  private func slot(of shard: ShardID) -> Int { slot(of: shard.index) }

  /// The number of event loops that entities live on.
  package var loopCount: Int { hosts.count }

  /// The number of the event loop that runs a shard, among those the runtime was made with.
  package func slot(of shardIndex: UInt32) -> Int { Int(shardIndex) % hosts.count }

  // MARK: Shards

  /// The shard is being opened: commands that come before it is served wait for it, unless that takes long or there are
  /// very many. On ``eventLoop(of:)``.
  package func expect(_ shard: ShardID) { hosts[slot(of: shard)].value.expect(shard) }

  /// Takes commands of the shard from now on, or, if it does already, goes on under a higher epoch without
  /// interruption. The shard is open in the store for this epoch, behind everything submitted before. On
  /// ``eventLoop(of:)``.
  ///
  /// Entities of a hand-over that has not ended refuse their commands as not started until they are gone.
  ///
  /// - Parameter leaseEnd: answers may be given until then, in nanoseconds of the monotonic clock; `.max`
  ///   where no lease is needed.
  package func serve(_ shard: ShardID, epoch: Epoch, leaseEnd: UInt64) {
    hosts[slot(of: shard)].value.serve(shard, epoch: epoch, leaseEnd: leaseEnd)
  }

  /// Answers may be given until then. Those held back because the last lease had ended go out. On
  /// ``eventLoop(of:)``.
  package func extendLease(of shard: ShardID, to leaseEnd: UInt64) {
    hosts[slot(of: shard)].value.extendLease(of: shard, to: leaseEnd)
  }

  /// How many commands of the shard were taken since the last call, or since it is served here. On
  /// ``eventLoop(of:)``.
  package func takeCommandCount(of shard: ShardID) -> UInt64 {
    hosts[slot(of: shard)].value.shards[shard]?.takeCommandCount() ?? 0
  }

  /// Takes no new commands of the shard (they are refused as not started), gives back what is queued likewise,
  /// finishes what is with the user function, and calls `completion` on the loop, once, when nothing of the
  /// shard as it is now is left in memory. On ``eventLoop(of:)``.
  ///
  /// Lasts no longer than a command may take and a stream may close, if the store answers.
  package func handOver(_ shard: ShardID, completion: @escaping @Sendable () -> Void) {
    hosts[slot(of: shard)].value.handOver(shard, completion: completion)
  }

  /// The shard is not this node's any more, or cannot be served: ends everything of it at once. What has no
  /// certain outcome is answered so, what was not started is refused as such. A hand-over that has not ended
  /// is complete. On ``eventLoop(of:)``.
  package func giveUp(_ shard: ShardID, because reason: String) {
    hosts[slot(of: shard)].value.giveUp(shard, because: reason)
  }

  /// Answers that wait for the shard's lease. On ``eventLoop(of:)``.
  package func heldAnswers(of shard: ShardID) -> Int {
    hosts[slot(of: shard)].value.shards[shard]?.lease.held.count ?? 0
  }

  // MARK: Commands

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
