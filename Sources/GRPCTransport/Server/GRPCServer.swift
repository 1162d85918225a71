package import Logging
package import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import Synchronization

/// A gRPC server on one address. It runs from ``start(configuration:router:http:group:logger:)`` to
/// ``shutdown(grace:)``; all members may be used from any thread.
package final class GRPCServer: Sendable {
  /// Where the server listens, with the port the system chose if none was given.
  package let localAddress: SocketAddress
  private let listener: any Channel
  private let connections: ServerConnections

  private init(
    localAddress: SocketAddress, listener: any Channel, connections: ServerConnections
  ) {
    self.localAddress = localAddress
    self.listener = listener
    self.connections = connections
  }

  /// Binds the address and serves; connections are spread over the loops of `group`.
  ///
  /// - Parameter http: answers what is no gRPC, over HTTP/1.1 and HTTP/2; without it such requests are refused.
  /// - Throws: what binding threw, for example an `IOError` with `EADDRINUSE`.
  package static func start(
    configuration: GRPCServerConfiguration, router: any GRPCServerRouter,
    http: (any HTTPServerRouter)? = nil, group: any EventLoopGroup, logger: Logger
  ) async throws -> GRPCServer {
    let connections = ServerConnections()
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: Int32(clamping: configuration.acceptBacklog))
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      // HTTP/1 has no pings: the kernel notices clients whose machine vanished.
      .childChannelOption(.socketOption(.so_keepalive), value: 1)
      .childChannelOption(.writeBufferWaterMark, value: HTTP2Setup.socketWatermarks)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try configure(channel, configuration, router, http, logger)
          connections.add(channel)
        }
      }
    let listener =
      switch configuration.address {
      case .tcp(let host, let port):
        try await bootstrap.bind(host: host, port: port).get()
      case .unixDomainSocket(let path):
        try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
      }
    guard let localAddress = listener.localAddress else {
      try await listener.close()
      throw ChannelError.unknownLocalAddress
    }
    return GRPCServer(
      localAddress: localAddress, listener: listener, connections: connections)
  }

  /// Stops serving: no new connections, no new calls on the open ones, and those in flight may
  /// finish within `grace`. Then everything is closed; calls still in flight are cancelled. Returns
  /// when all connections are gone. A second call waits like the first.
  package func shutdown(grace: Duration) async {
    // Closing fails only for a listener that is closed already.
    try? await listener.close()
    let open = connections.stopAdding()
    let eventLoop = listener.eventLoop
    for channel in open { channel.pipeline.fireUserInboundEventTriggered(ConnectionShouldDrain()) }
    let allClosed = EventLoopFuture.andAllComplete(open.map(\.closeFuture), on: eventLoop)
    let force = eventLoop.scheduleTask(in: TimeAmount(grace)) {
      for channel in open { channel.close(promise: nil) }
    }
    allClosed.whenComplete { _ in force.cancel() }
    try? await allClosed.get()
  }

  /// Puts the handlers of a connection into its channel.
  static func configure(
    _ channel: any Channel, _ configuration: GRPCServerConfiguration,
    _ router: any GRPCServerRouter, _ http: (any HTTPServerRouter)?, _ logger: Logger
  ) throws {
    let serveHTTP1 = http.map { http in
      { (preface: PrefaceGuard) in try addHTTP1(channel, behind: preface, configuration, http) }
    }
    let preface = PrefaceGuard(
      timeout: configuration.handshakeTimeout,
      http2: { try addHTTP2(channel, behind: $0, configuration, router, http, logger) },
      http1: serveHTTP1)
    try channel.pipeline.syncOperations.addHandler(preface)
  }

  private static func addHTTP2(
    _ channel: any Channel, behind preface: PrefaceGuard,
    _ configuration: GRPCServerConfiguration, _ router: any GRPCServerRouter,
    _ http: (any HTTPServerRouter)?, _ logger: Logger
  ) throws {
    let eventLoop = channel.eventLoop
    let connection = ServerConnection(
      eventLoop: eventLoop, configuration: configuration, router: router, http: http,
      logger: logger)
    let settings: HTTP2Settings = [
      HTTP2Setting(
        parameter: .maxConcurrentStreams, value: configuration.maximumConcurrentStreams),
      HTTP2Setting(parameter: .initialWindowSize, value: configuration.windowBytes),
      HTTP2Setting(parameter: .maxHeaderListSize, value: configuration.maximumHeaderListBytes),
    ]
    let streams = StreamMultiplexer(windowBytes: configuration.windowBytes) { _ in
      ServerCall(connection: connection, eventLoop: eventLoop)
    }
    let http2 = NIOHTTP2Handler(
      mode: .server, frameDelegate: streams,
      connectionConfiguration: HTTP2Setup.connection(
        settings: settings, windowBytes: configuration.windowBytes,
        concurrentStreams: configuration.maximumConcurrentStreams, rememberedResets: 1024),
      streamConfiguration: HTTP2Setup.stream())
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandler(streams.coalescer, position: .first)
    try pipeline.addHandler(streams)
    try pipeline.addHandler(connection)
    // Last, because it writes at once.
    try pipeline.addHandler(http2, position: .after(preface))
  }

  private static func addHTTP1(
    _ channel: any Channel, behind preface: PrefaceGuard,
    _ configuration: GRPCServerConfiguration, _ http: any HTTPServerRouter
  ) throws {
    let connection = HTTP1Connection(
      eventLoop: channel.eventLoop, configuration: configuration, router: http)
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = configuration.maximumHeaderListBytes
    limits.maxHeaderListSize = configuration.maximumHeaderListBytes
    let decoder = HTTPRequestDecoder(limitConfiguration: limits)
    try channel.pipeline.syncOperations.addHandlers([
      HTTP1HeadBound(
        connection: connection, maximumBytes: configuration.maximumHeaderListBytes),
      HTTPResponseEncoder(), ByteToMessageHandler(decoder), connection,
    ])
  }
}

/// The open connections of a server.
private final class ServerConnections: Sendable {
  private struct State {
    var isStopped = false
    var channels: [ObjectIdentifier: any Channel] = [:]
  }

  private let state = Mutex(State())

  /// Remembers a connection until it closes; closes it if the server has been shut down meanwhile.
  func add(_ channel: any Channel) {
    let id = ObjectIdentifier(channel)
    let isAdded = state.withLock { state in
      guard !state.isStopped else { return false }
      state.channels[id] = channel
      return true
    }
    guard isAdded else { return channel.close(promise: nil) }
    channel.closeFuture.whenComplete { _ in
      self.state.withLock { state in _ = state.channels.removeValue(forKey: id) }
    }
  }

  /// Refuses connections from now on, and answers those there are.
  func stopAdding() -> [any Channel] {
    state.withLock { state in
      state.isStopped = true
      return Array(state.channels.values)
    }
  }
}
