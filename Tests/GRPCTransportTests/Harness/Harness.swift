import GRPCTransport
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

let quietLogger = Logger(label: "grpc-tests") { _ in SwiftLogNoOpLogHandler() }

/// All tests share these loops.
let testGroup = MultiThreadedEventLoopGroup.singleton

let anyLocalPort = GRPCAddress.tcp(host: "127.0.0.1", port: 0)

/// How a client reaches the service in tests that hold for both.
enum Transport: String, CaseIterable {
  case http2, inProcess
}

/// A running server and a client connected to it.
struct Harness {
  let service: TestService
  let address: GRPCAddress
  let client: GRPCAsyncClient
}

/// A service and a client with some way to it.
struct Pair {
  let service: TestService
  let client: GRPCAsyncClient
  /// A client to be used on its event loop.
  let loopClient: LoopClient
}

func startServer(
  _ service: TestService, at address: GRPCAddress = anyLocalPort,
  http: (any HTTPServerRouter)? = nil,
  adjust: (inout GRPCServerConfiguration) -> Void = { _ in }
) async throws -> (server: GRPCServer, address: GRPCAddress) {
  var configuration = GRPCServerConfiguration(address: address)
  adjust(&configuration)
  let server = try await GRPCServer.start(
    configuration: configuration, router: service, http: http, group: testGroup,
    logger: quietLogger)
  guard case .tcp(let host, _) = address, let port = server.localAddress.port else {
    return (server, address)
  }
  return (server, .tcp(host: host, port: port))
}

/// Runs `body` with a server and a client, and stops both.
func withHarness(
  at address: GRPCAddress = anyLocalPort, service: TestService = TestService(),
  http: (any HTTPServerRouter)? = nil,
  server adjustServer: (inout GRPCServerConfiguration) -> Void = { _ in },
  client adjustClient: (inout GRPCClientConfiguration) -> Void = { _ in },
  _ body: (Harness) async throws -> Void
) async throws {
  let (server, address) = try await startServer(
    service, at: address, http: http, adjust: adjustServer)
  var configuration = GRPCClientConfiguration()
  adjustClient(&configuration)
  let client = try await GRPCAsyncClient.connect(
    target: address, group: testGroup, configuration: configuration, logger: quietLogger)
  let outcome: Result<Void, any Error>
  do {
    try await body(
      Harness(service: service, address: address, client: client))
    outcome = .success(())
  } catch {
    outcome = .failure(error)
  }
  await client.close()
  await server.shutdown(grace: .zero)
  try outcome.get()
}

/// Runs `body` with a service and clients of it, and stops what was started.
func withPair(
  over transport: Transport, maximumMessageBytes: Int? = nil,
  _ body: (Pair) async throws -> Void
) async throws {
  switch transport {
  case .http2:
    try await withHarness(
      server: { $0.maximumMessageBytes = maximumMessageBytes ?? $0.maximumMessageBytes },
      client: { $0.maximumMessageBytes = maximumMessageBytes ?? $0.maximumMessageBytes }
    ) { harness in
      let loopClient = LoopClient(harness.address)
      try await body(
        Pair(service: harness.service, client: harness.client, loopClient: loopClient))
      try await loopClient.close()
    }
  case .inProcess:
    let service = TestService()
    var configuration = InProcessConfiguration()
    configuration.maximumMessageBytes = maximumMessageBytes ?? configuration.maximumMessageBytes
    let connection = InProcessConnection(
      router: service, eventLoop: testGroup.next(), configuration: configuration)
    let loopClient = LoopClient(connection)
    let outcome: Result<Void, any Error>
    do {
      try await body(
        Pair(service: service, client: GRPCAsyncClient(connection), loopClient: loopClient))
      outcome = .success(())
    } catch {
      outcome = .failure(error)
    }
    try await loopClient.close()
    try outcome.get()
  }
}

/// Everything one call tells its owner, to be looked at from a test's task.
final class CallRecorder: GRPCClientStreamHandler, Sendable {
  struct Record {
    var headers: GRPCMetadata?
    var messages: [ByteBuffer] = []
    var writability: [Bool] = []
    var ends: [(status: GRPCStatus, trailers: GRPCMetadata)] = []
  }

  private let record = Mutex(Record())

  var now: Record { record.withLock { $0 } }

  func receiveHeaders(_ metadata: GRPCMetadata) { record.withLock { $0.headers = metadata } }
  func receive(_ message: ByteBuffer) { record.withLock { $0.messages.append(message) } }
  func writabilityChanged(_ isWritable: Bool) {
    record.withLock { $0.writability.append(isWritable) }
  }
  func ended(_ status: GRPCStatus, trailers: GRPCMetadata) {
    record.withLock { $0.ends.append((status, trailers)) }
  }

  /// Waits for the end of the call and answers its status.
  func status() async throws -> GRPCStatus {
    try await eventually("the call ends") { !now.ends.isEmpty }
    return now.ends[0].status
  }
}

/// A low-level client on one loop, used from tests by hopping.
struct LoopClient: Sendable {
  let transport: any GRPCClientTransport & Sendable

  init(_ transport: any GRPCClientTransport & Sendable) { self.transport = transport }

  init(_ address: GRPCAddress, adjust: (inout GRPCClientConfiguration) -> Void = { _ in }) {
    var configuration = GRPCClientConfiguration()
    configuration.backoff.initial = .milliseconds(10)
    configuration.backoff.maximum = .milliseconds(100)
    adjust(&configuration)
    transport = GRPCClientConnection(
      target: address, eventLoop: testGroup.next(), configuration: configuration,
      logger: quietLogger)
  }

  var eventLoop: any EventLoop { transport.eventLoop }

  /// Runs `body` on the transport's loop.
  func run<Value: Sendable>(
    _ body: @escaping @Sendable (any GRPCClientTransport & Sendable) throws -> Value
  ) async throws -> Value {
    try await eventLoop.submit { [transport] in try body(transport) }.get()
  }

  /// Runs `body` on the loop of a connection between processes.
  func runConnection<Value: Sendable>(
    _ body: @escaping @Sendable (GRPCClientConnection) throws -> Value
  ) async throws -> Value {
    let connection = try #require(transport as? GRPCClientConnection)
    return try await eventLoop.submit { try body(connection) }.get()
  }

  /// Opens a stream; `prepare` runs on the loop at once.
  @discardableResult
  func open(
    _ method: String, deadline: NIODeadline? = nil, waitForReady: Bool = false,
    prepare: @escaping @Sendable (any GRPCClientStream) -> Void = { _ in }
  ) async throws -> OpenCall {
    let recorder = CallRecorder()
    let stream = try await run { transport in
      let stream = transport.openStream(
        path: "/test.Test/\(method)", metadata: GRPCMetadata(), deadline: deadline,
        waitForReady: waitForReady, handler: recorder)
      prepare(stream)
      return NIOLoopBound(stream, eventLoop: transport.eventLoop)
    }
    return OpenCall(client: self, stream: stream, recorder: recorder)
  }

  func close() async throws { try await run { $0.close() } }
}

struct OpenCall: Sendable {
  let client: LoopClient
  let stream: NIOLoopBound<any GRPCClientStream>
  let recorder: CallRecorder

  func run<Value: Sendable>(
    _ body: @escaping @Sendable (any GRPCClientStream) -> Value
  ) async throws -> Value {
    try await client.run { _ in body(stream.value) }
  }
}

func text(_ string: String) -> ByteBuffer { ByteBuffer(string: string) }
