import GRPCTransport
import Logging
import NIOCore
import NIOPosix
import SwiftProtobuf

@testable import CloudstateSDK

/// A sidecar in miniature: calls a running server over the project's own client.
final class UserFunctionClient: Sendable {
  private let connection: GRPCClientConnection

  private init(connection: GRPCClientConnection) { self.connection = connection }

  /// Starts a server, with ``Tally`` unless said otherwise, on a port of its own, runs `body`, and stops
  /// both.
  static func withServer(
    descriptors: [UInt8], entities: [any CloudstateEntity.Type] = [Tally.self],
    actions: [any Action] = [], _ body: (UserFunctionClient) async throws -> Void
  ) async throws {
    var configuration = CloudstateServer.Configuration()
    configuration.address = .tcp(host: "127.0.0.1", port: 0)
    configuration.drainTimeout = .milliseconds(100)
    configuration.serviceName = "tallies"
    configuration.serviceVersion = "7"
    var outcome: Result<Void, any Error> = .success(())
    let server = CloudstateServer(
      descriptors: descriptors, entities: entities, actions: actions)
    try await server.serve(configuration) { address in
      do { try await with(address, body) } catch { outcome = .failure(error) }
    }
    try outcome.get()
  }

  private static func with(
    _ address: GRPCAddress, _ body: (UserFunctionClient) async throws -> Void
  ) async throws {
    let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
    let connection = GRPCClientConnection(
      target: address, eventLoop: eventLoop, logger: Logger(label: "test"))
    defer { eventLoop.execute { connection.close() } }
    try await body(UserFunctionClient(connection: connection))
  }

  /// Opens a call; it ends after ten seconds, so that no test waits longer.
  func open(_ path: String) async throws -> TestStream {
    let (events, continuation) = AsyncStream.makeStream(of: TestStream.Event.self)
    let stream = try await connection.eventLoop.submit { [connection] in
      NIOLoopBound(
        connection.openStream(
          path: path, metadata: GRPCMetadata(), deadline: .now() + .seconds(10),
          waitForReady: true, handler: StreamListener(events: continuation)),
        eventLoop: connection.eventLoop)
    }.get()
    return TestStream(eventLoop: connection.eventLoop, stream: stream, events: events)
  }

  /// A call with one message each way.
  func call<Reply: Message>(
    _ path: String, _ request: any Message, returning: Reply.Type
  ) async throws -> Reply {
    var stream = try await open(path)
    try await stream.send(request)
    try await stream.sendEnd()
    let reply: Reply = try await stream.receive()
    try await stream.receiveEnd()
    return reply
  }

  /// Opens the stream of an event sourced entity.
  func openEntity() async throws -> TestStream {
    try await open("/cloudstate.eventsourced.EventSourced/handle")
  }

  /// Opens the stream of a value entity.
  func openValueEntity() async throws -> TestStream {
    try await open("/cloudstate.valueentity.ValueEntity/handle")
  }

  /// Opens the stream of a replicated entity.
  func openReplicatedEntity() async throws -> TestStream {
    try await open("/cloudstate.crdt.Crdt/handle")
  }

  /// Opens a call of an action.
  func openAction(_ shape: MethodShape) async throws -> TestStream {
    try await open("/cloudstate.action.ActionProtocol/\(shape.protocolMethod)")
  }
}

/// One call of a test.
struct TestStream {
  enum Event: Sendable {
    case message(ByteBuffer)
    case ended(GRPCStatus)
  }

  /// Something else came than the test expected.
  struct Unexpected: Error { let event: Event? }

  private let eventLoop: any EventLoop
  private let stream: NIOLoopBound<any GRPCClientStream>
  private var events: AsyncStream<Event>.Iterator

  init(
    eventLoop: any EventLoop, stream: NIOLoopBound<any GRPCClientStream>,
    events: AsyncStream<Event>
  ) {
    self.eventLoop = eventLoop
    self.stream = stream
    self.events = events.makeAsyncIterator()
  }

  func send(_ message: any Message) async throws {
    try await send(bytes: message.serializedBytes())
  }

  func send(bytes: [UInt8]) async throws {
    try await eventLoop.submit { [stream] in stream.value.send(ByteBuffer(bytes: bytes)) }.get()
  }

  func sendEnd() async throws {
    try await eventLoop.submit { [stream] in stream.value.sendEnd() }.get()
  }

  /// Whether the server takes more, as far as is known here.
  func isWritable() async throws -> Bool {
    try await eventLoop.submit { [stream] in stream.value.isWritable }.get()
  }

  func setReading(_ reading: Bool) async throws {
    try await eventLoop.submit { [stream] in stream.value.setReading(reading) }.get()
  }

  /// Goes away.
  func cancel() async throws {
    try await eventLoop.submit { [stream] in stream.value.cancel() }.get()
  }

  /// The next message.
  mutating func receive<Reply: Message>() async throws -> Reply {
    let event = await events.next()
    guard case .message(let bytes) = event else { throw Unexpected(event: event) }
    return try Reply(serializedBytes: bytes.readableBytesSpan)
  }

  /// The end of the call, which must be the next thing, with this status.
  @discardableResult
  mutating func receiveEnd(_ code: GRPCStatus.Code = .ok) async throws -> GRPCStatus {
    let event = await events.next()
    guard case .ended(let status) = event, status.code == code else {
      throw Unexpected(event: event)
    }
    return status
  }
}

/// Passes what a call hears to the test.
private final class StreamListener: GRPCClientStreamHandler {
  private let events: AsyncStream<TestStream.Event>.Continuation

  init(events: AsyncStream<TestStream.Event>.Continuation) { self.events = events }

  func receive(_ message: ByteBuffer) { events.yield(.message(message)) }

  func ended(_ status: GRPCStatus, trailers: GRPCMetadata) {
    events.yield(.ended(status))
    events.finish()
  }
}
