import CloudstateModel
import NIOCore
import ShardStore

/// The consumers of the shards that live on one event loop. Only its loop may touch it.
final class LoopConsumers {
  private let eventLoop: any EventLoop
  private let consumers: [EventConsumer]
  private let environment: ConsumerEnvironment
  private var running: [UInt32: [ShardConsumer]] = [:]
  /// Consumers by shard that were told to stop and have not.
  private var ending: [UInt32: Int] = [:]
  /// Shards that came back before their consumers had stopped: an event must not be handed over twice at
  /// the same time.
  private var returning: Set<UInt32> = []
  private var stopped: [() -> Void] = []
  private var isStopping = false

  init(
    eventLoop: any EventLoop, consumers: [EventConsumer], environment: ConsumerEnvironment
  ) {
    self.eventLoop = eventLoop
    self.consumers = consumers
    self.environment = environment
  }

  /// Begins to consume a shard, unless it is consumed already.
  func start(_ shard: UInt32) {
    guard !isStopping, !consumers.isEmpty, running[shard] == nil else { return }
    guard ending[shard] == nil else {
      returning.insert(shard)
      return
    }
    let started = consumers.map { consumer in
      ShardConsumer(
        consumer: consumer, shard: shard, eventLoop: eventLoop, environment: environment)
    }
    running[shard] = started
    started.forEach { $0.start() }
  }

  /// The shard is somebody else's from now on.
  func stop(_ shard: UInt32) {
    returning.remove(shard)
    guard let stopping = running.removeValue(forKey: shard) else { return }
    ending[shard] = stopping.count
    for consumer in stopping {
      consumer.stop { self.ended(shard) }
    }
  }

  func grew(_ positions: [UInt32: Position]) {
    for (shard, position) in positions {
      running[shard]?.forEach { $0.grew(to: position) }
    }
  }

  /// Stops everything and calls `completion` when it has.
  func stopAll(completion: @escaping () -> Void) {
    isStopping = true
    stopped.append(completion)
    Array(running.keys).forEach(stop)
    finishIfEnded()
  }

  /// Does not wait any longer for what was told to stop.
  func abandon() {
    ending.removeAll()
    finishIfEnded()
  }

  private func ended(_ shard: UInt32) {
    guard let left = ending[shard] else { return }
    ending[shard] = left > 1 ? left - 1 : nil
    if left == 1, returning.remove(shard) != nil { start(shard) }
    finishIfEnded()
  }

  private func finishIfEnded() {
    guard isStopping, ending.isEmpty else { return }
    let completions = stopped
    stopped = []
    completions.forEach { $0() }
  }
}
