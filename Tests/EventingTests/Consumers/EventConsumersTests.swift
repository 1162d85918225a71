import CloudstateModel
import Eventing
import Logging
import NIOCore
import NIOPosix
import ShardStore
import Synchronization
import TestSupport
import Testing

/// Consumers on real event loops, over a store in memory and a function that records what it is handed.
@Suite struct EventConsumersTests {
  @Test("Stored events and new ones are handed over, each once, in the order of their shard")
  func handsOver() async throws {
    let node = try await ConsumingNode()
    for shard in UInt32(0)..<4 { try node.commit(shard, entity: "a", count: 2) }
    try await node.start(0..<4)
    try await eventually("stored events are handled") { node.function.handled.count >= 8 }
    for shard in UInt32(0)..<4 { try node.commit(shard, entity: "b", count: 3) }
    try await eventually("new events are handled") { node.function.handled.count >= 20 }
    for shard in UInt32(0)..<4 {
      #expect(
        node.function.handled.filter { $0.hasPrefix("\(shard)-") } == [
          "\(shard)-1-0", "\(shard)-1-1", "\(shard)-2-0", "\(shard)-2-1", "\(shard)-2-2",
        ])
    }
    try await node.stop()
  }

  @Test("After a restart the next event comes first")
  func restart() async throws {
    let disk = InMemoryDisk()
    for round in 0..<3 {
      let node = try await ConsumingNode(disk: disk)
      try node.commit(0, entity: "\(round)", count: 2)
      try await node.start(0..<1)
      try await eventually("events are handled") { node.function.handled.count >= 2 }
      #expect(node.function.handled == ["0-\(round + 1)-0", "0-\(round + 1)-1"])
      try await node.stop()
      #expect(node.storedPosition == ConsumerPosition(batches: Position(UInt64(round + 1))))
      node.store.close()
    }
  }

  @Test("A shard that is given up and comes back is never consumed twice at the same time")
  func givenUp() async throws {
    let node = try await ConsumingNode()
    try node.commit(0, entity: "a", count: 3)
    node.function.hold()
    try await node.start(0..<1)
    try await eventually("an event is with the function") { node.function.holding == 1 }
    async let stopped: Void = node.stop(0)
    try await eventually("it stops") { node.isStopping(0) }
    try await node.start(0..<1)
    try node.commit(0, entity: "b", count: 1)
    node.function.release()
    try await stopped
    try await eventually("all events are handled") { node.function.handled.count >= 4 }
    #expect(node.function.handled == ["0-1-0", "0-1-1", "0-1-2", "0-2-0"])
    #expect(node.function.mostAtOnce == 1)
    try await node.stop()
  }

  @Test("However often a shard leaves and comes back, each event is handed over once, in order")
  func comesAndGoes() async throws {
    let node = try await ConsumingNode()
    for round in 1...20 {
      try await node.start(0..<1)
      try node.commit(0, entity: "a\(round)", count: 1)
      if round.isMultiple(of: 2) {
        try await eventually("an event is handled") { node.function.handled.count >= 2 * round - 1 }
      }
      try await node.stop(0)
      let handled = node.function.handled.count
      #expect(node.storedPosition == ConsumerPosition(batches: Position(UInt64(handled))))
      try node.commit(0, entity: "b\(round)", count: 1)
      try await eventually("it is stored") { node.lastPosition == Position(UInt64(2 * round)) }
      #expect(node.function.handled.count == handled, "nothing is handed over meanwhile")
    }
    try await node.start(0..<1)
    try await eventually("all events are handled") { node.function.handled.count >= 40 }
    #expect(node.function.handled == (1...40).map { "0-\($0)-0" })
    try await node.stop()
  }

  @Test("Nothing is stored for a shard that is lost, and its event comes again")
  func lost() async throws {
    let node = try await ConsumingNode()
    try node.commit(0, entity: "a", count: 1)
    node.function.hold()
    try await node.start(0..<1)
    try await eventually("an event is with the function") { node.function.holding == 1 }
    try await node.giveUp(0)
    node.function.release()
    // Is complete when what was with the function is.
    try await node.stop(0)
    #expect(node.function.handled == ["0-1-0"])
    #expect(node.storedPosition == .start)
    try await node.start(0..<1)
    try await eventually("it comes again") { node.function.handled.count >= 2 }
    #expect(node.function.handled == ["0-1-0", "0-1-0"])
    try await node.stop()
  }

  @Test("A shard that is not consumed has stopped at once")
  func notConsumed() async throws {
    let node = try await ConsumingNode(isConsuming: false)
    try await node.stop(0)
    try await node.start(0..<1)
    try await node.stop(0)
    try await node.stop()
  }

  @Test("No more events are with the function at once than the settings say")
  func bound() async throws {
    let node = try await ConsumingNode { $0.maximumCalls = 2 }
    node.function.hold()
    for shard in UInt32(0)..<6 { try node.commit(shard, entity: "a", count: 2) }
    try await node.start(0..<6)
    try await eventually("the function is full") { node.function.holding == 2 }
    node.function.release()
    try await eventually("all events are handled") { node.function.handled.count >= 12 }
    #expect(node.function.mostAtOnce == 2)
    try await node.stop()
  }

  @Test("An event that fails comes again with the same key, and later ones wait")
  func retries() async throws {
    let node = try await ConsumingNode { $0.firstRetryDelay = .milliseconds(1) }
    node.function.fail(times: 3)
    try node.commit(0, entity: "a", count: 2)
    try await node.start(0..<1)
    try await eventually("both events are handled") { node.function.handled.count >= 2 }
    #expect(node.function.keys.count == 5)
    #expect(Set(node.function.keys.prefix(4)).count == 1)
    try await node.stop()
  }

  @Test("A node without consumers has nothing to wait for when it stops")
  func noConsumers() async throws {
    let node = try await ConsumingNode(isConsuming: false)
    try await node.start(0..<2)
    let time = await ContinuousClock().measure { await node.consumers.stop(grace: .seconds(20)) }
    #expect(time < .seconds(10))
    try await node.stop()
  }

  @Test("Without a method for its type an event is a failure like others")
  func noMethod() async throws {
    let node = try await ConsumingNode(inputType: "test.Other") {
      $0.maximumAttempts = 1
    }
    try node.commit(0, entity: "a", count: 2)
    try await node.start(0..<1)
    try await eventually("the events are skipped") {
      node.storedPosition == ConsumerPosition(batches: Position(1))
    }
    #expect(node.function.keys.isEmpty)
    try await node.stop()
  }
}

/// A node that consumes the events of its own store.
private final class ConsumingNode: Sendable {
  let store: InMemoryShardStore
  let function = RecordingFunction()
  let consumers: EventConsumers
  private let consumer: ConsumerID
  private let service: ServiceName
  private let pool = NIOThreadPool(numberOfThreads: 2)
  private let outcomes = OutcomeSink()
  private let loops = Array(MultiThreadedEventLoopGroup.singleton.makeIterator())
  private let stopping = Mutex<Set<UInt32>>([])

  init(
    disk: InMemoryDisk = InMemoryDisk(), inputType: String = "google.protobuf.Any",
    isConsuming: Bool = true, configure: (inout ConsumerSettings) -> Void = { _ in }
  ) async throws {
    service = try testService()
    store = try InMemoryShardStore(disk: disk)
    for index in UInt32(0)..<8 {
      try store.openShard(ShardID(service: service, index: index), epoch: Epoch(1))
    }
    pool.start()
    var settings = ConsumerSettings()
    configure(&settings)
    let loops = loops
    consumer = ConsumerID(serviceName: "test.Sub", group: "g", eventLog: "carts")
    consumers = try await EventConsumers(
      isConsuming ? [EventConsumer(id: consumer, methods: [("Take", inputType)])] : [],
      service: service, settings: settings, store: store, pool: pool, caller: function,
      loops: loops,
      eventLoop: { loops[Int($0.index) % loops.count] },
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  func shard(_ index: UInt32) -> ShardID { ShardID(service: service, index: index) }

  func commit(_ shard: UInt32, entity: String, count: Int) throws {
    store.submit(
      ShardBatch(
        shard: self.shard(shard), epoch: Epoch(1),
        entity: EntityKey(persistenceID: "carts", entityID: entity),
        time: Timestamp(unixMilliseconds: 1), firstSequence: SequenceNumber(1),
        events: (0..<count).map { _ in OpaquePayload(typeURL: "t/test.Added", value: [1]) }),
      token: 1, to: outcomes)
  }

  func start(_ shards: Range<UInt32>) async throws {
    for index in shards {
      try await onLoop(of: index) { $0.start($1) }
    }
  }

  /// Waits until the shard has stopped.
  func stop(_ index: UInt32) async throws {
    let stopped = loops[0].makePromise(of: Void.self)
    try await onLoop(of: index) { $0.stop($1) { stopped.succeed() } }
    stopping.withLock { _ = $0.insert(index) }
    try await stopped.futureResult.get()
  }

  /// Whether ``stop(_:)`` has been called.
  func isStopping(_ index: UInt32) -> Bool { stopping.withLock { $0.contains(index) } }

  func giveUp(_ index: UInt32) async throws { try await onLoop(of: index) { $0.giveUp($1) } }

  private func onLoop(
    of index: UInt32, _ body: @escaping @Sendable (EventConsumers, ShardID) -> Void
  ) async throws {
    let (consumers, shard) = (consumers, shard(index))
    try await loops[Int(index) % loops.count].submit { body(consumers, shard) }.get()
  }

  var lastPosition: Position? { try? store.lastPosition(of: shard(0)) }

  var storedPosition: ConsumerPosition? { try? store.position(of: consumer, in: shard(0)) }

  func stop() async throws {
    await consumers.stop(grace: .seconds(10))
    try await pool.shutdownGracefully()
  }
}

/// Nobody waits for the outcomes of commits here.
private final class OutcomeSink: CommitSink {
  func completed(_ outcomes: [CommitOutcome]) {}
}

/// Handles events at once, or when it is told.
private final class RecordingFunction: EventCaller {
  private struct State {
    var handled: [String] = []
    var keys: [String] = []
    var failures = 0
    var isHolding = false
    var held: [@Sendable () -> Void] = []
    var running = 0
    var mostAtOnce = 0
  }

  private let state = Mutex(State())

  /// The ids of handled events.
  var handled: [String] { state.withLock { $0.handled } }
  var keys: [String] { state.withLock { $0.keys } }
  var holding: Int { state.withLock { $0.held.count } }
  var mostAtOnce: Int { state.withLock { $0.mostAtOnce } }

  func fail(times: Int) { state.withLock { $0.failures = times } }

  func hold() { state.withLock { $0.isHolding = true } }

  func release() {
    let held = state.withLock { state in
      state.isHolding = false
      defer { state.held = [] }
      return state.held
    }
    held.forEach { $0() }
  }

  func call(
    _ call: FunctionCall, key: String, on eventLoop: any EventLoop,
    completion: @escaping @Sendable (EventOutcome) -> Void
  ) {
    let finish: @Sendable () -> Void = {
      let outcome = self.state.withLock { state -> EventOutcome in
        state.running -= 1
        guard state.failures == 0 else {
          state.failures -= 1
          return .failed("not now")
        }
        for entry in call.metadata where entry.key == "ce-id" {
          if case .text(let id) = entry.value { state.handled.append(id) }
        }
        return .handled
      }
      if eventLoop.inEventLoop {
        completion(outcome)
      } else {
        eventLoop.execute { completion(outcome) }
      }
    }
    let isHeld = state.withLock { state in
      state.keys.append(key)
      state.running += 1
      state.mostAtOnce = max(state.mostAtOnce, state.running)
      if state.isHolding { state.held.append(finish) }
      return state.isHolding
    }
    if !isHeld { finish() }
  }
}
