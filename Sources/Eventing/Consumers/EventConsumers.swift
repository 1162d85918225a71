package import CloudstateModel
package import Logging
package import NIOCore
package import NIOPosix
package import ShardStore
import Synchronization

/// Hands the events of event logs to the methods that consume them (proxy behaviour, section 11): one
/// consumer for each group and shard, on the node that is primary of the shard and on the event loop where
/// the shard's entities live. Every shard has one primary, so no node has to be chosen for a group.
///
/// May be used from any thread.
package final class EventConsumers: Sendable {
  private let loops: [any EventLoop]
  private let groups: [NIOLoopBound<LoopConsumers>]
  private let slotOfShard: @Sendable (ShardID) -> Int
  /// Growth by loop that its consumers have not heard of; a delivery is on its way where there is some.
  private let growth: Mutex<[[UInt32: Position]]>

  /// - Parameters:
  ///   - eventLoop: where the entities of a shard live.
  ///   - pool: where the store is read and written; stopped after ``stop(grace:)``.
  package init(
    _ consumers: [EventConsumer], service: ServiceName, settings: ConsumerSettings,
    store: any ShardStore, pool: NIOThreadPool, caller: any EventCaller,
    loops: [any EventLoop], eventLoop: @escaping @Sendable (ShardID) -> any EventLoop,
    logger: Logger
  ) async throws {
    let environment = ConsumerEnvironment(
      service: service, reader: LocalStreamReader(store: store, pool: pool), caller: caller,
      slots: CallSlots(settings.maximumCalls), settings: settings, logger: logger)
    var groups: [NIOLoopBound<LoopConsumers>] = []
    for loop in loops {
      groups.append(
        try await loop.submit {
          NIOLoopBound(
            LoopConsumers(eventLoop: loop, consumers: consumers, environment: environment),
            eventLoop: loop)
        }.get())
    }
    self.loops = loops
    self.groups = groups
    slotOfShard = { shard in
      let own = eventLoop(shard)
      return loops.firstIndex { $0 === own } ?? loops.startIndex
    }
    growth = Mutex([[UInt32: Position]](repeating: [:], count: loops.count))
    // The store keeps the listener for its life, which ends after that of the consumers.
    if !consumers.isEmpty { store.addCommitListener { [weak self] in self?.grew($0) } }
  }

  /// Begins to consume a shard, unless it is consumed already. Consumers of it that are stopping are waited for,
  /// so that no event is handed over twice at the same time. On the shard's event loop.
  package func start(_ shard: ShardID) { group(of: shard).start(shard.index) }

  /// Hands over nothing more of a shard, and calls `completion` on the loop, once, when what is with the user
  /// function has ended and positions are stored. On the shard's event loop.
  ///
  /// To be called, and waited for, before the shard's entities are handed over: an event that is with one of
  /// them would otherwise wait for their new owner, who waits for the hand-over.
  package func stop(_ shard: ShardID, completion: @escaping @Sendable () -> Void) {
    group(of: shard).stop(shard.index, completion: completion)
  }

  /// The shard is lost: hands over nothing more of it and stores no position. On the shard's event loop.
  package func giveUp(_ shard: ShardID) { group(of: shard).giveUp(shard.index) }

  /// Hands over nothing more and waits until what is with the function has ended and positions are stored,
  /// at most for `grace`.
  package func stop(grace: TimeAmount) async {
    await withTaskGroup(of: Void.self) { tasks in
      for (loop, group) in zip(loops, groups) {
        tasks.addTask {
          await withCheckedContinuation { continuation in
            loop.execute {
              let timer = loop.scheduleTask(in: grace) { group.value.abandon() }
              group.value.stopAll {
                timer.cancel()
                continuation.resume()
              }
            }
          }
        }
      }
    }
  }

  private func group(of shard: ShardID) -> LoopConsumers { groups[slotOfShard(shard)].value }

  /// Committer thread.
  private func grew(_ positions: [ShardID: Position]) {
    let woken = growth.withLock { growth in
      var woken: [Int] = []
      for (shard, position) in positions {
        let slot = slotOfShard(shard)
        if growth[slot].isEmpty { woken.append(slot) }
        growth[slot][shard.index] = position
      }
      return woken
    }
    for slot in woken {
      loops[slot].execute { self.deliver(slot) }
    }
  }

  private func deliver(_ slot: Int) {
    let positions = growth.withLock { growth in
      defer { growth[slot] = [:] }
      return growth[slot]
    }
    groups[slot].value.grew(positions)
  }
}
