import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import MessageBus

/// Connections that libzmq gives up for good: the bus makes them anew.
@Suite("Links that libzmq gives up")
struct GivenUpLinkTests {
  /// Says on each connection what is no ZMTP, and closes it.
  private final class OtherService: Sendable {
    let port: Int
    let visits = Recorder<String>()
    private let listener: any Channel

    init() async throws {
      listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelInitializer { [visits] channel in
          visits.append("\(channel.remoteAddress.map { "\($0)" } ?? "")")
          let text = ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
          return channel.writeAndFlush(text).flatMap { channel.close() }
        }
        .bind(host: "127.0.0.1", port: 0).get()
      port = try #require(listener.localAddress?.port)
    }

    func close() async throws { try await listener.close().get() }
  }

  private func start(
    _ name: String, key: BusKey? = nil, _ change: (inout ZeroMQBusConfiguration) -> Void = { _ in }
  ) throws -> ZeroMQMessageBus {
    var configuration = testConfiguration()
    configuration.key = key
    change(&configuration)
    let bus = try ZeroMQMessageBus.start(
      configuration: configuration, nodeID: try nodeID(name), logger: quietLogger)
    _ = bus.serve(try pattern("echo")) { $0.answer(.success($0.payload)) }
    return bus
  }

  private func expectLink(_ from: ZeroMQMessageBus, _ to: ZeroMQMessageBus) async throws {
    try await eventually("\(from.nodeID) reaches \(to.nodeID)", within: .seconds(20)) {
      await from.ask("echo", "hello", of: to.nodeID).text == "hello"
    }
  }

  /// Publishes until something arrives.
  private func expectPublications(
    _ from: ZeroMQMessageBus, at seen: Recorder<Publication>
  ) async throws {
    let count = seen.count
    try await eventually("publications arrive", within: .seconds(20)) {
      try from.publish("news", "more")
      return seen.count > count
    }
  }

  @Test(
    "A peer whose ports were another service's for a while is reached", arguments: [false, true])
  func portsOfAnotherService(isEncrypted: Bool) async throws {
    let key = isEncrypted ? try BusKey.make() : nil
    let (requests, publications) = (try await OtherService(), try await OtherService())
    let a = try start("a", key: key)
    defer { a.shutdown() }
    let (seen, _) = try a.record("news")
    a.connect(
      to: BusPeer(
        node: try nodeID("b"), requestEndpoint: "tcp://127.0.0.1:\(requests.port)",
        publishEndpoint: "tcp://127.0.0.1:\(publications.port)", incarnation: 1))
    try await eventually("both were asked") {
      requests.visits.count > 0 && publications.visits.count > 0
    }
    try await requests.close()
    try await publications.close()
    let b = try start("b", key: key) {
      $0.requestBind = "tcp://127.0.0.1:\(requests.port)"
      $0.publishBind = "tcp://127.0.0.1:\(publications.port)"
    }
    defer { b.shutdown() }
    try await expectLink(a, b)
    try await expectPublications(b, at: seen)
  }

  @Test("A peer that answers no attempt to connect for a while is reached soon after")
  func silence() async throws {
    // Whoever listens and accepts nobody lets attempts beyond its queue go unanswered, as a network that is cut does.
    let silent = try await SilentListener()
    let port = silent.port
    let a = try start("a")
    defer { a.shutdown() }
    let node = try nodeID("b")
    a.connect(
      to: BusPeer(
        node: node, requestEndpoint: "tcp://127.0.0.1:\(port)", publishEndpoint: "",
        incarnation: 1))
    try await Task.sleep(for: SilentListener.longSilence)
    try await silent.close()
    let b = try start("b") { $0.requestBind = "tcp://127.0.0.1:\(port)" }
    defer { b.shutdown() }
    try await eventually("a reaches b", within: .seconds(5)) {
      await a.ask("echo", "hello", of: b.nodeID).text == "hello"
    }
  }

  @Test("A peer that sent more than is taken is heard again, and what was missed shows")
  func tooLong() async throws {
    let a = try start("a") { $0.maximumMessageBytes = 1 << 20 }
    let b = try start("b") { $0.maximumMessageBytes = 8 << 20 }
    defer {
      a.shutdown()
      b.shutdown()
    }
    let long = ByteBuffer(repeating: 1, count: 4 << 20)
    _ = b.serve(try pattern("long")) { $0.answer(.success(long)) }
    let (seen, _) = try a.record("news")
    a.connect(to: b.peer(incarnation: 1))
    try await expectLink(a, b)
    try await expectPublications(b, at: seen)

    #expect(await a.ask("long", "", of: b.nodeID).failureCode == .timeout, "the link broke")
    try await expectLink(a, b)

    let last = try #require(seen.sequences.last)
    b.publish(try subject("news"), payload: long)
    try await expectPublications(b, at: seen)
    #expect(try #require(seen.sequences.last) > last + 1)
  }
}
