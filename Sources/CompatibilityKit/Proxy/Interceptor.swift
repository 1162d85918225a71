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

/// A server that looks to the proxy like the user function: it passes every call on, and records it. With
/// a tap it is only told of the calls.
///
/// One event loop carries both sides, so messages are passed on where they arrive.
final class Interceptor: Sendable {
  /// Calls for entities and actions, in the order of their arrival.
  let connections = EventQueue<RecordedConnection>()
  /// Calls of discovery.
  let discoveries = EventQueue<RecordedConnection>()

  private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  private let address: GRPCAddress
  /// `nil` for a tap.
  private let function: GRPCClientConnection?
  private let logger: Logger
  private let server = Mutex<GRPCServer?>(nil)

  init(_ link: ProxyLink, logger: Logger) {
    address = link.address
    self.logger = logger
    switch link {
    case .interceptor(_, let target):
      function = GRPCClientConnection(target: target, eventLoop: group.next(), logger: logger)
    case .tap:
      function = nil
    }
  }

  /// Serves until ``stop()``.
  ///
  /// - Throws: what binding threw.
  func start() async throws {
    var configuration = GRPCServerConfiguration(address: address)
    let router: any GRPCServerRouter
    if let function {
      router = InterceptorRouter(function: function) { [self] in announce($0) }
    } else {
      router = TapRouter { [self] in announce($0) }
      configuration.maximumMessageBytes += TapRecord.overheadBytes
    }
    let started = try await GRPCServer.start(
      configuration: configuration, router: router, group: group, logger: logger)
    server.withLock { $0 = started }
  }

  func stop() async {
    await server.withLock { $0.take() }?.shutdown(grace: .zero)
    if let function { try? await function.eventLoop.submit { function.close() }.get() }
    try? await group.shutdownGracefully()
  }

  private func announce(_ record: RecordedConnection) {
    if record.path.hasPrefix("/cloudstate.EntityDiscovery/") {
      if record.path.hasSuffix("/discover") { discoveries.add(record) }
    } else {
      connections.add(record)
    }
  }
}

private struct InterceptorRouter: GRPCServerRouter {
  let function: GRPCClientConnection
  let announce: @Sendable (RecordedConnection) -> Void

  func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)? {
    let record = RecordedConnection(path: call.path)
    let answer = PassedAnswer(call, record)
    let upstream = function.openStream(
      path: call.path, metadata: GRPCMetadata(), deadline: nil, waitForReady: true,
      handler: answer)
    announce(record)
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
