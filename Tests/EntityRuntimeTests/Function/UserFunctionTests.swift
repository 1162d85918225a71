import CloudstateProtocol
import EntityRuntime
import GRPCTransport
import Logging
import NIOCore
import NIOPosix
import SwiftProtobuf
import Synchronization
import TestSupport
import Testing

/// A user function is the same to a node wherever it runs.
@Suite("The user function beside a node and inside it")
struct UserFunctionTests {
  enum Hosting: CaseIterable { case beside, inside }

  private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  private func withFunction(
    _ hosting: Hosting, _ services: FunctionDouble,
    _ body: (UserFunction, any EventLoop) async throws -> Void
  ) async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    var server: GRPCServer?
    var place = FunctionPlace.embedded(services)
    if hosting == .beside {
      let started = try await GRPCServer.start(
        configuration: GRPCServerConfiguration(address: .tcp(host: "127.0.0.1", port: 0)),
        router: services, group: group, logger: Self.logger)
      let port = try #require(started.localAddress.port)
      place = .address(.tcp(host: "127.0.0.1", port: port))
      server = started
    }
    let loop = group.next()
    let function = try await UserFunction(
      place: place, loops: [loop], configuration: UserFunction.Configuration(),
      logger: Self.logger)
    let outcome: Result<Void, any Error>
    do {
      try await body(function, loop)
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
    function.close()
    await server?.shutdown(grace: .zero)
    try outcome.get()
  }

  @Test("Discovery finds what the function serves", arguments: Hosting.allCases)
  func discovery(hosting: Hosting) async throws {
    let services = FunctionDouble(spec: try SpecFixture.spec())
    try await withFunction(hosting, services) { function, _ in
      let spec = try await function.discover(policy: DiscoveryPolicy())
      #expect(spec.entities.map(\.serviceName) == ["shop.Cart"])
      #expect(services.reports.isEmpty)
    }
  }

  @Test("A function that serves nothing is refused and told why", arguments: Hosting.allCases)
  func refusal(hosting: Hosting) async throws {
    let services = FunctionDouble(spec: try SpecFixture.spec(entities: []))
    try await withFunction(hosting, services) { function, _ in
      await #expect(throws: DiscoveryError.self) {
        try await function.discover(policy: DiscoveryPolicy())
      }
      try await eventually("the function is told") {
        services.reports == ["No entities were reported by the discover call!"]
      }
    }
  }

  @Test(
    "A stream answers, and ends as unreachable when the node closes", arguments: Hosting.allCases)
  func streams(hosting: Hosting) async throws {
    let services = FunctionDouble(spec: try SpecFixture.spec())
    try await withFunction(hosting, services) { function, loop in
      let links = try await function.links()
      let listener = StreamListener()
      try await loop.submit {
        let link = links[0].value
        listener.isUnreachable = { status in
          if case .unreachable = link.streamEnd(status) { true } else { false }
        }
        link.openStream(path: "/echo", deadline: nil, handler: listener)
          .send(ByteBuffer(string: "hello"))
      }.get()
      try await eventually("the answer") { listener.messages == ["hello"] }
      function.close()
      try await eventually("the end") { listener.ends == [.unavailable] }
      #expect(listener.wasUnreachable)
    }
  }

  @Test("The place is named in messages")
  func names() throws {
    let address = try #require(GRPCAddress("127.0.0.1:8080"))
    #expect("\(FunctionPlace.address(address))" == "at 127.0.0.1:8080")
    let services = FunctionDouble(spec: try SpecFixture.spec())
    #expect("\(FunctionPlace.embedded(services))" == "in this process")
  }
}

/// Discovery with a given answer, and `/echo`.
private final class FunctionDouble: GRPCServerRouter {
  private let spec: Cloudstate_EntitySpec
  private let reported = Mutex<[String]>([])

  init(spec: Cloudstate_EntitySpec) { self.spec = spec }

  var reports: [String] { reported.withLock { $0 } }

  func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    let path = call.path
    return ReplyingHandler(call, isUnary: path != "/echo") { [self] message in
      switch path {
      case "/cloudstate.EntityDiscovery/discover":
        return spec.encoded
      case "/cloudstate.EntityDiscovery/reportError":
        let error = try? Cloudstate_UserFunctionError(serializedBytes: [UInt8](buffer: message))
        reported.withLock { $0.append(error?.message ?? "unreadable") }
        return Google_Protobuf_Empty().encoded
      default:
        return message
      }
    }
  }
}

private final class ReplyingHandler: GRPCServerCallHandler {
  private var call: (any GRPCServerCall)?
  private let isUnary: Bool
  private let reply: (ByteBuffer) -> ByteBuffer

  init(
    _ call: any GRPCServerCall, isUnary: Bool, reply: @escaping (ByteBuffer) -> ByteBuffer
  ) {
    self.call = call
    self.isUnary = isUnary
    self.reply = reply
  }

  func receive(_ message: ByteBuffer) {
    call?.send(reply(message))
    if isUnary {
      call?.finish(.ok)
      call = nil
    }
  }
  func receiveEnd() {}
  func writabilityChanged(_ isWritable: Bool) {}
  func cancelled(_ status: GRPCStatus) { call = nil }
}

/// @unchecked Sendable: what changes is behind a lock, or set before the stream is opened.
private final class StreamListener: GRPCClientStreamHandler, @unchecked Sendable {
  private struct Record {
    var messages: [String] = []
    var ends: [GRPCStatus.Code] = []
    var wasUnreachable = false
  }

  private let record = Mutex(Record())
  var isUnreachable: (GRPCStatus) -> Bool = { _ in false }

  var messages: [String] { record.withLock { $0.messages } }
  var ends: [GRPCStatus.Code] { record.withLock { $0.ends } }
  var wasUnreachable: Bool { record.withLock { $0.wasUnreachable } }

  func receive(_ message: ByteBuffer) {
    record.withLock { $0.messages.append(String(buffer: message)) }
  }

  func ended(_ status: GRPCStatus, trailers: GRPCMetadata) {
    let unreachable = isUnreachable(status)
    record.withLock {
      $0.ends.append(status.code)
      $0.wasUnreachable = unreachable
    }
  }
}
