import CloudstateModel
import EtcdClient
import Foundation
import MessageBus
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import ClusterControl

/// What is under way when a coordinator stops.
@Suite struct StoppingTests {
  @Test("An operator whose change is being written gets the answer, although the listener stops")
  func answersBeforeItStops() async throws {
    let store = HeldStore()
    let coordinator = try await store.startCoordinator()
    let server = try await AdminServer.start(
      host: "127.0.0.1", port: 0, desk: AdminDesk(coordinator), logger: quietLogger())
    store.hold("save")
    async let answer = ask(
      "POST /drain/a?force=true HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
      at: server.address)
    try await eventually("the change is being written") { store.calls.contains("save") }
    async let stopped: Void = server.stop()
    try await eventually("the listener is closed") {
      (try? await ask(
        "GET /status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", at: server.address)) == nil
    }
    store.release("save")
    let text = try await answer
    #expect(text.hasPrefix("HTTP/1.1 200"), "\(text)")
    try await stopped
    try await coordinator.stop()
  }

  @Test("A coordinator stops without waiting for a scaler that takes long")
  func longScaler() async throws {
    let folder = try TemporaryDirectory()
    let file = "\(folder.path)/runs"
    var harness = try ClusterHarness(expecting: 1)
    var scaling = AutoscalingConfiguration(
      services: [try service()],
      scaler: .command(
        CommandScalerConfiguration(
          command: ["/bin/true"], showCommand: ["/bin/sh", "-c", ": > \(file); exec sleep 600"],
          timeout: .seconds(60))))
    scaling.recordings = nil
    harness.configuration.autoscaling = scaling
    let coordinator = try await harness.startCoordinator()
    try await eventually("the scaler runs", within: .seconds(20)) {
      FileManager.default.fileExists(atPath: file)
    }
    let begin = ContinuousClock.now
    try await coordinator.stop()
    #expect(ContinuousClock.now - begin < .seconds(30))
  }

  @Test("A coordinator that cannot start leaves nobody on the bus and its store closed")
  func failedStart() async throws {
    let store = HeldStore()
    var harness = try ClusterHarness(expecting: 1, store: store)
    var scaling = AutoscalingConfiguration(
      services: [try service()],
      scaler: .kubernetes(
        KubernetesScalerConfiguration(
          host: "127.0.0.1", port: 1, authorityFile: "/dev/null/no-such-file", tokenFile: nil,
          namespace: "default", labelSelector: "app=cart")))
    scaling.recordings = nil
    harness.configuration.autoscaling = scaling
    let error = await #expect(throws: ClusterError.self) { try await harness.startCoordinator() }
    #expect(error?.code == .invalidConfiguration)
    #expect(store.calls.last == "close")
    let stranger = harness.network.join(as: try node("a"))
    let loop = NIOSingletons.posixEventLoopGroup.next()
    let promise = loop.makePromise(of: ByteBuffer.self)
    stranger.connect(
      to: BusPeer(
        node: .coordinator, requestEndpoint: "memory://coordinator/requests", publishEndpoint: "",
        incarnation: 0))
    stranger.request(
      .register, payload: ByteBuffer(), to: .coordinator, timeout: .seconds(5), on: loop
    ) { promise.completeWith($0.mapError { $0 as any Error }) }
    let answer = await #expect(throws: BusError.self) { try await promise.futureResult.get() }
    #expect(answer?.code == .noResponder)
  }

  /// Sends a request and reads until the server closes.
  private func ask(_ request: String, at address: String) async throws -> String {
    let port = try #require(address.split(separator: ":").last.flatMap { Int($0) })
    let loop = NIOSingletons.posixEventLoopGroup.next()
    let promise = loop.makePromise(of: String.self)
    let connecting = ClientBootstrap(group: loop).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.pipeline.syncOperations.addHandler(TextCollector(promise))
      }
    }.connect(host: "127.0.0.1", port: port)
    connecting.whenSuccess { $0.writeAndFlush(ByteBuffer(string: request), promise: nil) }
    connecting.whenFailure { promise.fail($0) }
    return try await promise.futureResult.get()
  }
}

@Suite(.serialized, .enabled(if: etcdProgram != nil && etcdctlProgram != nil, etcdIsMissing))
struct StoppingElectionTests {
  @Test("A stop while the elected coordinator waits for its record ends the wait and the lease")
  func stopsWhileStarting() async throws {
    let etcd = try await TestEtcd()
    let endpoints = etcd.endpoints.split(separator: ",").compactMap {
      EtcdConfiguration.Endpoint(String($0))
    }
    let network = InMemoryNetwork()
    let bus = network.join(as: .coordinator)
    let loads = LoadCount()
    let coordinator = try ElectedCoordinator(
      bus: bus, etcd: EtcdConfiguration(endpoints: endpoints), prefix: "/cs/test",
      card: LeaderCard(name: "c1", endpoint: "tcp://127.0.0.1:1"),
      election: ElectionConfiguration(leaseTime: .seconds(60)),
      configuration: ClusterHarness(expecting: 1).configuration,
      makeStore: { WaitingStore(term: $0, loads: loads) }, logger: quietLogger())
    async let run: Void = coordinator.run()
    try await eventually("it was elected and reads") { loads.started == 1 }
    coordinator.stop()
    try await run
    #expect(loads.endedByTerm == 1)
    let left = try await etcd.control(["get", "/cs/test/leader"]) ?? ""
    #expect(left.isEmpty, "the lease was not given up: \(left)")
  }
}

private final class LoadCount: Sendable {
  private let counts = Mutex((started: 0, ended: 0))

  var started: Int { counts.withLock { $0.started } }
  var endedByTerm: Int { counts.withLock { $0.ended } }

  func begin() { counts.withLock { $0.started += 1 } }
  func end() { counts.withLock { $0.ended += 1 } }
}

/// A store that finds its record as long as it takes, as with an etcd that does not answer.
private struct WaitingStore: CoordinatorStore {
  let term: LeadershipTerm
  let loads: LoadCount

  func load() throws(ClusterError) -> CoordinatorRecord? {
    loads.begin()
    for _ in 0..<2000 {
      usleep(10_000)
      if term.isOver {
        loads.end()
        throw ClusterError(.leadershipLost, "the term is over")
      }
    }
    return nil
  }

  func save(_ record: CoordinatorRecord) {}
  func planHistory(limit: Int, before: UInt64?) -> [Plan] { [] }
  func close() {}
}

/// Collects what a server writes until it closes.
private final class TextCollector: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let promise: EventLoopPromise<String>
  private var text = ""

  init(_ promise: EventLoopPromise<String>) { self.promise = promise }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    text += String(buffer: unwrapInboundIn(data))
  }

  func channelInactive(context: ChannelHandlerContext) { promise.succeed(text) }
}
