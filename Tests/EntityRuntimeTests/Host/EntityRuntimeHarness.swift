import CloudstateModel
import EntityRuntime
import Logging
import NIOCore
import NIOPosix
import ShardStore
import Synchronization

/// An ``EntityRuntime`` on one event loop, over any store and a ``FakeFunction``.
final class EntityRuntimeHarness: Sendable {
  static let service: ServiceName = {
    guard let name = ServiceName("test") else { preconditionFailure("not a legal name") }
    return name
  }()
  static let shardCount: UInt32 = 4

  let runtime: EntityRuntime
  let function: NIOLoopBound<FakeFunction>
  let loop: any EventLoop
  private let group: MultiThreadedEventLoopGroup
  private let reader: NIOThreadPool

  init(
    store: any ShardStore, configuration: EntityRuntimeConfiguration = .init()
  ) async throws {
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    reader = NIOThreadPool(numberOfThreads: 1)
    reader.start()
    let (function, link) = try await loop.submit {
      let function = FakeFunction(eventLoop: loop)
      return (
        NIOLoopBound(function, eventLoop: loop),
        NIOLoopBound(function as any FunctionLink, eventLoop: loop)
      )
    }.get()
    self.loop = loop
    self.function = function
    runtime = try await EntityRuntime(
      configuration: configuration, store: store, functions: [link], loops: [loop],
      reader: reader, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    for index in 0..<Self.shardCount {
      let shard = ShardID(service: Self.service, index: index)
      try store.openShard(shard, epoch: Epoch(1))
      let runtime = runtime
      try await loop.submit { runtime.serve(shard, epoch: Epoch(1), leaseEnd: .max) }.get()
    }
  }

  /// Runs `body` with a runtime, which is stopped in any case.
  ///
  /// - Parameter store: default: a new one in memory.
  static func run(
    store: (any ShardStore)? = nil, configuration: EntityRuntimeConfiguration = .init(),
    _ body: (EntityRuntimeHarness) async throws -> Void
  ) async throws {
    let harness = try await EntityRuntimeHarness(
      store: try store ?? InMemoryShardStore(), configuration: configuration)
    do {
      try await body(harness)
    } catch {
      try await harness.stop()
      throw error
    }
    try await harness.stop()
  }

  func stop() async throws {
    await runtime.stop(grace: .seconds(5))
    try await reader.shutdownGracefully()
    try await group.shutdownGracefully()
  }

  func send(
    _ method: String, to entity: String, key: String? = nil
  ) async -> CommandAnswer {
    await withCheckedContinuation { continuation in
      submit(method, to: entity, key: key) { continuation.resume(returning: $0) }
    }
  }

  func submit(
    _ method: String, to entity: String, key: String? = nil,
    completion: @escaping @Sendable (CommandAnswer) -> Void = { _ in }
  ) {
    let entityKey = EntityKey(persistenceID: "counter", entityID: entity)
    let command = EntityCommand(
      serviceName: "Counter", method: method, entity: entityKey,
      payloadTypeURL: "type.googleapis.com/In", payload: [], idempotencyKey: key)
    runtime.submit(command, shard: Self.shard(of: entity), completion: completion)
  }

  static func shard(of entity: String) -> ShardID {
    let key = EntityKey(persistenceID: "counter", entityID: entity)
    return ShardID(service: service, index: key.shardIndex(shardCount: shardCount))
  }

  /// Runs on the loop of all shards.
  func withRuntime<Value: Sendable>(
    _ body: @escaping @Sendable (EntityRuntime) -> Value
  ) async throws -> Value {
    let runtime = runtime
    return try await loop.submit { body(runtime) }.get()
  }

  var activeEntities: Int { runtime.counters.activeEntities.load(ordering: .relaxed) }

  /// Runs on the function's loop.
  func withFunction<Value: Sendable>(
    _ body: @escaping @Sendable (FakeFunction) -> Value
  ) async throws -> Value {
    let function = function
    return try await loop.submit { body(function.value) }.get()
  }
}

extension CommandAnswer {
  /// The reply's bytes as text, or a word for anything else.
  var text: String {
    switch outcome {
    case .reply(let payload): String(decoding: payload?.value ?? [], as: UTF8.self)
    case .failure(let description): "failure: \(description)"
    case .error(let error): "error: \(error.code.rawValue)"
    case .forward(let call): "forward: \(call)"
    }
  }
}

/// Texts of answers in the order in which they came.
final class Answers: Sendable {
  private let all = Mutex<[String]>([])
  var texts: [String] { all.withLock { $0 } }
  func add(_ text: String) { all.withLock { $0.append(text) } }
}
