import CloudstateModel
import CloudstateProtocol
import GRPCTransport
import Logging
import NIOCore
import NIOPosix
import ReplicatedData
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

@testable import EntityRuntime

@Suite("Replicated entities of a function with few streams")
struct ReplicatedSlotTests {
  @Test("a deleted entity, which has no stream, does not stand in for one that is put away")
  func deletedEntity() async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    var configuration = ReplicatedRuntimeConfiguration()
    configuration.maximumStreams = 1
    // Nothing but the want of a stream puts an entity away in this test.
    configuration.passivationTimeout = .seconds(3600)
    let name = try #require(ReplicaID("a"))
    let (port, function) = try await loop.submit {
      (
        NIOLoopBound(StatePort(name: name, eventLoop: loop) as any ReplicaPort, eventLoop: loop),
        NIOLoopBound(DeletingFunction(eventLoop: loop) as any FunctionLink, eventLoop: loop)
      )
    }.get()
    let runtime = try await ReplicatedRuntime(
      configuration: configuration, replicas: [port], functions: [function], loops: [loop],
      effects: { _, _, _ in }, counters: EntityCounters(),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let answered = Mutex<[String]>([])
    for (method, entity) in [("delete", "gone"), ("get", "first"), ("get", "second")] {
      runtime.submit(
        EntityCommand(
          serviceName: "Test", method: method,
          entity: EntityKey(persistenceID: "test", entityID: entity),
          payloadTypeURL: "type.googleapis.com/In", payload: [])
      ) { _ in answered.withLock { $0.append(entity) } }
      try await eventually("\(entity) has answered") { answered.withLock { $0.last == entity } }
    }
    await runtime.stop(grace: .seconds(5))
  }

  @Test("entities that are let go of at the end of the node are not counted any more")
  func abandoned() async throws {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let name = try #require(ReplicaID("a"))
    let (port, function) = try await loop.submit {
      (
        NIOLoopBound(StatePort(name: name, eventLoop: loop) as any ReplicaPort, eventLoop: loop),
        NIOLoopBound(
          DeletingFunction(eventLoop: loop, isSilent: true) as any FunctionLink, eventLoop: loop)
      )
    }.get()
    let counters = EntityCounters()
    let runtime = try await ReplicatedRuntime(
      configuration: .init(), replicas: [port], functions: [function], loops: [loop],
      effects: { _, _, _ in }, counters: counters,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    runtime.submit(
      EntityCommand(
        serviceName: "Test", method: "get",
        entity: EntityKey(persistenceID: "test", entityID: "a"),
        payloadTypeURL: "type.googleapis.com/In", payload: [])
    ) { _ in }
    try await eventually("the entity is there") {
      counters.activeEntities.load(ordering: .relaxed) == 1
    }
    await runtime.stop(grace: .zero)
    #expect(counters.activeEntities.load(ordering: .relaxed) == 0)
  }
}

/// Copies that are only there or deleted. Loop-bound.
private final class StatePort: ReplicaPort {
  private let eventLoop: any EventLoop
  private let name: ReplicaID
  private var deleted: Set<EntityKey> = []

  init(name: ReplicaID, eventLoop: any EventLoop) {
    self.name = name
    self.eventLoop = eventLoop
  }

  var electorate: Electorate { Electorate(replica: name, members: [name]) }

  func open(
    _ entity: EntityKey, changed: @escaping () -> Void,
    completion: @escaping (Result<Void, CommandError>) -> Void
  ) { completion(.success(())) }

  func state(of entity: EntityKey) -> ReplicatedEntityState? {
    deleted.contains(entity) ? .deleted : nil
  }

  func update(
    _ entity: EntityKey, _ delta: FunctionDelta, seen: CausalContext,
    consistency: WriteConsistency, progress: @escaping (WriteProgress) -> Void
  ) -> Result<ReplicatedValue, ReplicaRefusal> { .failure(.refused("not in this test")) }

  func delete(
    _ entity: EntityKey, consistency: WriteConsistency,
    progress: @escaping (WriteProgress) -> Void
  ) {
    deleted.insert(entity)
    eventLoop.assumeIsolated().execute { progress(.durable) }
  }

  func close(_ entity: EntityKey) {}
}

/// Answers every command, and deletes the entity where that is the command's name. Loop-bound.
private final class DeletingFunction: FunctionLink {
  let eventLoop: any EventLoop
  private let isSilent: Bool

  init(eventLoop: any EventLoop, isSilent: Bool = false) {
    self.eventLoop = eventLoop
    self.isSilent = isSilent
  }

  func openStream(
    path: String, deadline: NIODeadline?, handler: any GRPCClientStreamHandler
  ) -> any GRPCClientStream {
    Stream(eventLoop: eventLoop, handler: handler, isSilent: isSilent)
  }

  func report(_ text: String) {}
  func streamEnd(_ status: GRPCStatus) -> StreamEnd { .ended }

  private final class Stream: GRPCClientStream {
    private let eventLoop: any EventLoop
    private let handler: any GRPCClientStreamHandler
    private let isSilent: Bool

    init(eventLoop: any EventLoop, handler: any GRPCClientStreamHandler, isSilent: Bool) {
      self.eventLoop = eventLoop
      self.handler = handler
      self.isSilent = isSilent
    }

    var isWritable: Bool { true }
    var isWaiting: Bool { false }
    func setReading(_ reading: Bool) {}

    func send(_ message: ByteBuffer) {
      guard let incoming = try? Cloudstate_Crdt_CrdtStreamIn(decoding: message),
        case .command(let command) = incoming.message, !isSilent
      else { return }
      var out = Cloudstate_Crdt_CrdtStreamOut()
      out.reply.commandID = command.id
      if command.name == "delete" { out.reply.stateAction.delete = .init() }
      let answer = out.encoded
      eventLoop.assumeIsolated().execute { self.handler.receive(answer) }
    }

    func sendEnd() { end(.ok) }
    func cancel() { end(GRPCStatus(.cancelled)) }

    private func end(_ status: GRPCStatus) {
      eventLoop.assumeIsolated().execute { self.handler.ended(status, trailers: GRPCMetadata()) }
    }
  }
}
