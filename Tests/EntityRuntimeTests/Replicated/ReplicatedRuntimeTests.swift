import CloudstateModel
import Logging
import NIOCore
import NIOPosix
import ReplicatedData
import Synchronization
import TestSupport
import Testing

@testable import EntityRuntime

/// The runtime of replicated entities on one event loop, over copies and a function in memory.
@Suite("The runtime of replicated entities")
struct ReplicatedRuntimeTests {
  private func withRuntime(
    configure: (inout ReplicatedRuntimeConfiguration) -> Void = { _ in },
    _ body: (ReplicatedHarness) async throws -> Void
  ) async throws {
    var configuration = ReplicatedRuntimeConfiguration()
    configure(&configuration)
    let harness = try await ReplicatedHarness(configuration)
    do {
      try await body(harness)
    } catch {
      try await harness.stop()
      throw error
    }
    try await harness.stop()
  }

  @Test("commands change the copy, and changes elsewhere reach the function")
  func commands() async throws {
    try await withRuntime { harness in
      #expect(await harness.send("add") == "1")
      #expect(await harness.send("add") == "2")
      try await harness.changeElsewhere(5)
      #expect(await harness.send("get") == "7")
      #expect(try await harness.withFunction { $0.deltas } == 1)
      #expect(try await harness.copy() == .pncounter(7))
      #expect(await harness.send("delete") == "7")
      #expect(await harness.send("get") == "error: entity-deleted")
    }
  }

  @Test("a streamed command is followed until its client leaves, and then cancelled once")
  func streams() async throws {
    try await withRuntime { harness in
      let follower = harness.follow("watch")
      try await eventually("it is accepted") { follower.texts == ["0"] }
      #expect(await harness.send("add") == "1")
      try await harness.changeElsewhere(3)
      try await eventually("it hears of both changes") { follower.texts == ["0", "1", "4"] }
      follower.leave()
      follower.leave()
      try await eventually("the function hears of it") {
        try await harness.withFunction { $0.cancellations } == 1
      }
      #expect(await harness.send("add") == "5")
      #expect(try await harness.withFunction { $0.cancellations } == 1)
      #expect(follower.texts == ["0", "1", "4"])
    }
  }

  @Test("an idle entity is put away, one that is followed is not")
  func passivation() async throws {
    try await withRuntime(configure: { $0.passivationTimeout = .milliseconds(30) }) { harness in
      let follower = harness.follow("watch", of: "followed")
      try await eventually("it is accepted") { follower.texts == ["0"] }
      #expect(await harness.send("add") == "1")
      try await eventually("only the followed one is left") {
        try await harness.withFunction { $0.open } == 1
      }
      #expect(harness.counters.activeEntities.load(ordering: .relaxed) == 1)
      #expect(await harness.send("get") == "1", "its value is still there")
    }
  }

  @Test("a function that does not answer loses the stream")
  func commandTimeout() async throws {
    try await withRuntime(configure: { $0.commandTimeout = .milliseconds(50) }) { harness in
      #expect(await harness.send("hang") == "error: timeout")
      #expect(await harness.send("add") == "1")
    }
  }

  @Test("a function that does not close its streams loses them, although commands keep coming")
  func closeTimeout() async throws {
    try await withRuntime(configure: {
      $0.passivationTimeout = .milliseconds(20)
      $0.closeTimeout = .milliseconds(150)
    }) { harness in
      try await harness.withFunction { $0.closesStreams = false }
      #expect(await harness.send("add") == "1")
      try await eventually("it is being put away") {
        try await harness.withFunction { $0.halfClosed } == 1
      }
      let answers = Mutex(0)
      try await eventually("the commands get their answers") {
        // The pace of clients: each would put the end off.
        harness.submit("get") { _ in answers.withLock { $0 += 1 } }
        return answers.withLock { $0 } > 0
      }
      #expect(try await harness.withFunction { $0.opened } == 2)
      try await harness.withFunction { $0.closesStreams = true }
    }
  }

  @Test("a deleted entity whose function never answers or closes lets its callers go")
  func deletedAndSilent() async throws {
    try await withRuntime(configure: { $0.closeTimeout = .milliseconds(50) }) { harness in
      try await harness.withFunction { $0.closesStreams = false }
      #expect(await harness.send("add") == "1")
      async let hanging = harness.send("hang")
      try await eventually("a command hangs") { try await harness.withFunction { $0.hanging } == 1 }
      #expect(await harness.send("delete") == "1")
      #expect(await hanging == "error: entity-deleted")
    }
  }

  @Test("few streams are handed from one entity to the next")
  func streamCap() async throws {
    try await withRuntime(configure: { $0.maximumStreams = 1 }) { harness in
      for round in 1...2 {
        for entity in 0..<20 { #expect(await harness.send("add", to: "e\(entity)") == "\(round)") }
      }
      let open = try await harness.withFunction { $0.open }
      #expect(open == 1)
    }
  }
}

/// What a follower heard.
private final class Follower: Sendable {
  private let heard = Mutex<[String]>([])
  private let leaving = Mutex<(@Sendable () -> Void)?>(nil)

  var texts: [String] { heard.withLock { $0 } }
  func leave() { leaving.withLock { $0 }?() }

  fileprivate func hear(_ news: CallerNews) {
    let text =
      switch news {
      case .answer(let answer, _): answer.text
      case .end(let error): "end \(error?.code.rawValue ?? "")"
      }
    heard.withLock { $0.append(text) }
  }

  fileprivate func opened(_ leave: @escaping @Sendable () -> Void) {
    leaving.withLock { $0 = leave }
  }
}

private final class ReplicatedHarness: Sendable {
  let counters = EntityCounters()
  private let runtime: ReplicatedRuntime
  private let function: NIOLoopBound<CounterFunction>
  private let copies: NIOLoopBound<CounterCopies>
  private let loop: any EventLoop
  private let group: MultiThreadedEventLoopGroup

  init(_ configuration: ReplicatedRuntimeConfiguration) async throws {
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let replica = try #require(ReplicaID("a"))
    let other = try #require(ReplicaID("b"))
    let (function, copies, link, port) = try await loop.submit {
      let function = CounterFunction(eventLoop: loop)
      let copies = CounterCopies(eventLoop: loop, replica: replica, other: other)
      return (
        NIOLoopBound(function, eventLoop: loop), NIOLoopBound(copies, eventLoop: loop),
        NIOLoopBound(function as any FunctionLink, eventLoop: loop),
        NIOLoopBound(copies as any ReplicaPort, eventLoop: loop)
      )
    }.get()
    (self.loop, self.function, self.copies) = (loop, function, copies)
    runtime = try await ReplicatedRuntime(
      configuration: configuration, replicas: [port], functions: [link], loops: [loop],
      effects: { _, _, _ in }, counters: counters,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  func stop() async throws {
    await runtime.stop(grace: .seconds(5))
    try await group.shutdownGracefully()
  }

  func send(_ method: String, to entity: String = "x") async -> String {
    await withCheckedContinuation { continuation in
      submit(method, to: entity) { continuation.resume(returning: $0.text) }
    }
  }

  func submit(
    _ method: String, to entity: String = "x",
    completion: @escaping @Sendable (CommandAnswer) -> Void
  ) {
    runtime.submit(command(method, entity), completion: completion)
  }

  func follow(_ method: String, of entity: String = "x") -> Follower {
    let follower = Follower()
    follower.opened(runtime.open(command(method, entity)) { follower.hear($0) })
    return follower
  }

  func withFunction<Value: Sendable>(
    _ body: @escaping @Sendable (CounterFunction) -> Value
  ) async throws -> Value {
    let function = function
    return try await loop.submit { body(function.value) }.get()
  }

  func changeElsewhere(_ change: Int64, of entity: String = "x") async throws {
    let copies = copies
    try await loop.submit { try copies.value.changeElsewhere(change, of: Self.key(entity)) }.get()
  }

  func copy(of entity: String = "x") async throws -> FunctionValue? {
    let copies = copies
    return try await loop.submit {
      guard case .live(let value) = copies.value.state(of: Self.key(entity)) else { return nil }
      return value.functionValue(in: copies.value.electorate)
    }.get()
  }

  private static func key(_ entity: String) -> EntityKey {
    EntityKey(persistenceID: "counters", entityID: entity)
  }

  private func command(_ method: String, _ entity: String) -> EntityCommand {
    EntityCommand(
      serviceName: "Counters", method: method, entity: Self.key(entity),
      payloadTypeURL: "type.googleapis.com/In", payload: [])
  }
}

/// Copies in memory that are durable at once. Loop-bound.
private final class CounterCopies: ReplicaPort {
  let electorate: Electorate
  private let eventLoop: any EventLoop
  private let other: ReplicaID
  private var states: [EntityKey: ReplicatedEntityState] = [:]
  private var listeners: [EntityKey: () -> Void] = [:]

  init(eventLoop: any EventLoop, replica: ReplicaID, other: ReplicaID) {
    self.eventLoop = eventLoop
    self.other = other
    electorate = Electorate(replica: replica, members: [replica, other])
  }

  func open(
    _ entity: EntityKey, changed: @escaping () -> Void,
    completion: @escaping (Result<Void, CommandError>) -> Void
  ) {
    #expect(listeners.updateValue(changed, forKey: entity) == nil, "it is opened once")
    completion(.success(()))
  }

  func state(of entity: EntityKey) -> ReplicatedEntityState? { states[entity] }

  func update(
    _ entity: EntityKey, _ delta: FunctionDelta, seen: CausalContext,
    consistency: WriteConsistency, progress: @escaping (WriteProgress) -> Void
  ) -> Result<ReplicatedValue, ReplicaRefusal> {
    if states[entity] == .deleted { return .failure(.deleted) }
    do {
      let change = try change(entity, delta, by: electorate.replica, seen: seen)
      later { progress(.durable) }
      return .success(change)
    } catch {
      return .failure(.refused("\(error)"))
    }
  }

  func delete(
    _ entity: EntityKey, consistency: WriteConsistency,
    progress: @escaping (WriteProgress) -> Void
  ) {
    states[entity] = .deleted
    later { progress(.durable) }
  }

  func close(_ entity: EntityKey) { listeners[entity] = nil }

  func changeElsewhere(_ change: Int64, of entity: EntityKey) throws {
    _ = try self.change(entity, .pncounter(change: change), by: other, seen: nil)
    listeners[entity]?()
  }

  private func change(
    _ entity: EntityKey, _ delta: FunctionDelta, by replica: ReplicaID, seen: CausalContext?
  ) throws -> ReplicatedValue {
    var value = ReplicatedValue(delta.kind)
    if case .live(let existing) = states[entity] { value = existing }
    let change = try value.apply(delta, replica: replica, now: 1000, seen: seen)
    states[entity] = .live(value)
    return change
  }

  private func later(_ body: @escaping () -> Void) {
    eventLoop.assumeIsolated().execute(body)
  }
}
