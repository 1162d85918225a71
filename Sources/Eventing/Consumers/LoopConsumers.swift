import CloudstateModel
import NIOCore
import ShardStore

/// The consumers of the shards that live on one event loop. Only its loop may touch it.
final class LoopConsumers {
  /// The consumers of a shard that were told to stop, until all have.
  private struct Ending {
    let consumers: [ShardConsumer]
    var left: Int
    var completions: [() -> Void] = []

    init(consumers: [ShardConsumer]) {
      self.consumers = consumers
      left = consumers.count
    }
  }

  private let eventLoop: any EventLoop
  private let consumers: [EventConsumer]
  private let environment: ConsumerEnvironment
  private var running: [UInt32: [ShardConsumer]] = [:]
  private var ending: [UInt32: Ending] = [:]
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

  /// Hands over nothing more of the shard. `completion` is called when what is with the function has ended and
  /// positions are stored.
  func stop(_ shard: UInt32, completion: @escaping () -> Void = {}) {
    returning.remove(shard)
    if let stopping = running.removeValue(forKey: shard) {
      ending[shard] = Ending(consumers: stopping)
      for consumer in stopping {
        consumer.stop { self.ended(shard) }
      }
    }
    if ending[shard] == nil {
      completion()
    } else {
      ending[shard]?.completions.append(completion)
    }
  }

  /// The shard is lost: hands over nothing more of it and stores nothing. What is with the function is waited
  /// for only before the shard is consumed again.
  func giveUp(_ shard: UInt32) {
    stop(shard)
    ending[shard]?.consumers.forEach { $0.giveUp() }
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
    for shard in Array(running.keys) { stop(shard) }
    finishIfEnded()
  }

  /// Does not wait any longer for what was told to stop.
  func abandon() {
    let abandoned = ending.values
    ending.removeAll()
    for shard in abandoned { shard.completions.forEach { $0() } }
    finishIfEnded()
  }

  private func ended(_ shard: UInt32) {
    ending[shard]?.left -= 1
    guard let ended = ending[shard], ended.left == 0 else { return }
    ending[shard] = nil
    ended.completions.forEach { $0() }
    if returning.remove(shard) != nil { start(shard) }
    finishIfEnded()
  }

  private func finishIfEnded() {
    guard isStopping, ending.isEmpty else { return }
    let completions = stopped
    stopped = []
    completions.forEach { $0() }
  }
}
