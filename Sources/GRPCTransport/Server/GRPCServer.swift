package import Logging
package import NIOCore
import NIOPosix

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
    let connections = ServerConnections(limit: configuration.maximumConnections)
    let assembly = ConnectionAssembly(
      configuration: configuration, router: router, http: http, logger: logger)
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: Int32(clamping: configuration.acceptBacklog))
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      // HTTP/1 has no pings: the kernel notices clients whose machine vanished.
      .childChannelOption(.socketOption(.so_keepalive), value: 1)
      .childChannelOption(.writeBufferWaterMark, value: HTTP2Setup.socketWatermarks)
      // A turn of the loop takes little of each connection: one that floods it with small frames, of which some
      // hundred fit into a packet, must not keep the others waiting.
      .childChannelOption(.maxMessagesPerRead, value: 1)
      .childChannelOption(
        .recvAllocator,
        value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 4096, maximum: 16 * 1024)
      )
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          switch connections.admit(channel) {
          case .serve: try assembly.serve(channel)
          case .refuse: try assembly.refuse(channel)
          case .close: channel.close(promise: nil)
          }
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

  /// Begins to stop: no new connections, and no new calls on the open ones, whose clients are told. Calls in
  /// flight go on. Returns when the port is free.
  package func beginShutdown() async {
    // Closing fails only for a listener that is closed already.
    try? await listener.close()
    for channel in connections.stopAdding() {
      channel.pipeline.fireUserInboundEventTriggered(ConnectionShouldDrain())
    }
  }

  /// Stops serving: no new connections, no new calls on the open ones, and those in flight may
  /// finish within `grace`. Then everything is closed; calls still in flight are cancelled. Returns
  /// when all connections are gone. A second call waits like the first.
  package func shutdown(grace: Duration) async {
    await beginShutdown()
    let open = connections.stopAdding()
    let eventLoop = listener.eventLoop
    let allClosed = EventLoopFuture.andAllComplete(open.map(\.closeFuture), on: eventLoop)
    let force = eventLoop.scheduleTask(in: TimeAmount(grace)) {
      for channel in open { channel.close(promise: nil) }
    }
    allClosed.whenComplete { _ in force.cancel() }
    try? await allClosed.get()
  }
}
