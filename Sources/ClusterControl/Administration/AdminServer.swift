package import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// The coordinator's listener for operators: plain HTTP/1.1 with JSON, for `cs-admin` and `curl`.
///
/// It asks nobody who they are, so it belongs on the loopback interface. It has a thread of its own, which only
/// reads and writes sockets.
package final class AdminServer: Sendable {
  /// Connections at one time; more are closed at once.
  static let maximumConnections = 64
  /// A connection without a request for this long is closed.
  static let idleTimeout: TimeAmount = .seconds(60)

  /// Where it listens, as `host:port`.
  package let address: String
  private let channel: any Channel
  private let group: MultiThreadedEventLoopGroup

  private init(channel: any Channel, group: MultiThreadedEventLoopGroup, address: String) {
    self.channel = channel
    self.group = group
    self.address = address
  }

  /// Listens for whoever is at the desk; a coordinator that is there from the start must outlive the server.
  ///
  /// - Parameter port: 0 takes a free one.
  /// - Throws: ``ClusterError`` with `.invalidConfiguration` if the address cannot be used.
  package static func start(
    host: String, port: Int, desk: AdminDesk, logger: Logger
  ) async throws -> AdminServer {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let connections = ConnectionCount(limit: maximumConnections)
    do {
      let channel = try await ServerBootstrap(group: group)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .serverChannelOption(.backlog, value: 64)
        .childChannelInitializer { channel in
          guard connections.open() else { return channel.close() }
          channel.closeFuture.whenComplete { _ in connections.close() }
          return channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.configureHTTPServerPipeline()
            try channel.pipeline.syncOperations.addHandlers([
              IdleStateHandler(readTimeout: idleTimeout),
              AdminHandler(desk: desk, logger: logger),
            ])
          }
        }
        .bind(host: host, port: port).get()
      let bound = channel.localAddress?.port ?? port
      let text = host.contains(":") ? "[\(host)]" : host
      return AdminServer(channel: channel, group: group, address: "\(text):\(bound)")
    } catch {
      try? await group.shutdownGracefully()
      throw ClusterError(
        .invalidConfiguration, "cannot listen for administration at \(host):\(port): \(error)")
    }
  }

  /// Closes the listener and all connections. Called once, before the coordinator stops.
  package func stop() async throws {
    try await channel.close()
    try await group.shutdownGracefully()
  }
}

/// How many connections are open, up to a limit.
private final class ConnectionCount: Sendable {
  private let limit: Int
  private let count = Mutex(0)

  init(limit: Int) { self.limit = limit }

  /// `false` if there are as many as there may be.
  func open() -> Bool {
    count.withLock { count in
      guard count < limit else { return false }
      count += 1
      return true
    }
  }

  func close() { count.withLock { $0 -= 1 } }
}
