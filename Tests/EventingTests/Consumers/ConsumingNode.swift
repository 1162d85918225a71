import CloudstateModel
import Eventing
import Logging
import NIOCore
import NIOPosix
import ShardStore
import Synchronization
import Testing

/// A node that consumes the events of its own store.
final class ConsumingNode: Sendable {
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
final class RecordingFunction: EventCaller {
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
