import CloudstateProtocol
import GRPCTransport
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// One call from the proxy to the user function, recorded in both directions (section 1.4).
final class RecordedConnection: Sendable {
  /// What passed in one direction.
  enum Event: Sendable {
    case message(ByteBuffer)
    case completed
    case failed(GRPCStatus)
  }

  /// The path of the method.
  let path: String
  /// From the proxy.
  let incoming = EventQueue<Event>()
  /// From the user function.
  let outgoing = EventQueue<Event>()

  init(path: String) { self.path = path }
}

/// A server that looks to the proxy like the user function: it passes every call on, and records it.
///
/// One event loop carries both sides, so messages are passed on where they arrive.
final class Interceptor: Sendable {
  /// Calls for entities and actions, in the order of their arrival.
  let connections = EventQueue<RecordedConnection>()
  /// Calls of discovery.
  let discoveries = EventQueue<RecordedConnection>()

  private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  private let function: GRPCClientConnection
  private let server = Mutex<GRPCServer?>(nil)

  init(function address: GRPCAddress, logger: Logger) {
    function = GRPCClientConnection(target: address, eventLoop: group.next(), logger: logger)
  }

  /// Serves until ``stop()``.
  ///
  /// - Returns: the port.
  /// - Throws: what binding threw.
  func start(on address: GRPCAddress, logger: Logger) async throws -> Int? {
    let router = InterceptorRouter(
      function: function, connections: connections, discoveries: discoveries)
    let started = try await GRPCServer.start(
      configuration: GRPCServerConfiguration(address: address), router: router, group: group,
      logger: logger)
    server.withLock { $0 = started }
    return started.localAddress.port
  }

  func stop() async {
    await server.withLock { $0.take() }?.shutdown(grace: .zero)
    try? await function.eventLoop.submit { [function] in function.close() }.get()
    try? await group.shutdownGracefully()
  }
}

private struct InterceptorRouter: GRPCServerRouter {
  let function: GRPCClientConnection
  let connections: EventQueue<RecordedConnection>
  let discoveries: EventQueue<RecordedConnection>

  func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    let record = RecordedConnection(path: call.path)
    let answer = PassedAnswer(call, record)
    let upstream = function.openStream(
      path: call.path, metadata: GRPCMetadata(), deadline: nil, waitForReady: true,
      handler: answer)
    if call.path.hasPrefix("/cloudstate.EntityDiscovery/") {
      if call.path.hasSuffix("/discover") { discoveries.add(record) }
    } else {
      connections.add(record)
    }
    return PassedCall(upstream, record)
  }
}

/// Passes on what the proxy sends.
private final class PassedCall: GRPCServerCallHandler {
  private let upstream: any GRPCClientStream
  private let record: RecordedConnection

  init(_ upstream: any GRPCClientStream, _ record: RecordedConnection) {
    self.upstream = upstream
    self.record = record
  }

  func receive(_ message: ByteBuffer) {
    record.incoming.add(.message(message))
    upstream.send(message)
  }

  func receiveEnd() {
    record.incoming.add(.completed)
    upstream.sendEnd()
  }

  func writabilityChanged(_ isWritable: Bool) {}

  func cancelled(_ status: GRPCStatus) {
    record.incoming.add(.failed(status))
    upstream.cancel()
  }
}

/// Passes on what the user function answers.
private final class PassedAnswer: GRPCClientStreamHandler {
  private let call: any GRPCServerCall
  private let record: RecordedConnection

  init(_ call: any GRPCServerCall, _ record: RecordedConnection) {
    self.call = call
    self.record = record
  }

  func receive(_ message: ByteBuffer) {
    record.outgoing.add(.message(message))
    call.send(message)
  }

  func ended(_ status: GRPCStatus, trailers: GRPCMetadata) {
    record.outgoing.add(status.code == .ok ? .completed : .failed(status))
    call.finish(status)
  }
}
