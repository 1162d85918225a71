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
  /// So long answers that are on their way are waited for when the server stops.
  static let farewellTime: TimeAmount = .seconds(5)

  private let channel: any Channel
  private let group: MultiThreadedEventLoopGroup
  private let desk: AdminDesk
  private let answers: OpenAnswers

  private init(
    channel: any Channel, group: MultiThreadedEventLoopGroup, desk: AdminDesk,
    answers: OpenAnswers, address: String
  ) {
    self.channel = channel
    self.group = group
    self.desk = desk
    self.answers = answers
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
    let answers = OpenAnswers()
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
              AdminHandler(desk: desk, answers: answers, logger: logger),
            ])
          }
        }
        .bind(host: host, port: port).get()
      let bound = channel.localAddress?.port ?? port
      let text = host.contains(":") ? "[\(host)]" : host
      return AdminServer(
        channel: channel, group: group, desk: desk, answers: answers, address: "\(text):\(bound)")
    } catch {
      try? await group.shutdownGracefully()
      throw ClusterError(
        .invalidConfiguration, "cannot listen for administration at \(host):\(port): \(error)")
    }
  }

  /// Asks nothing of the coordinator any more, closes the listener, lets answers out that are on their way, for
  /// ``farewellTime`` at most, and closes all connections. Called once, before the coordinator stops: an answer that
  /// it gives needs the server's thread.
  package func stop() async throws {
    desk.yield("it is stopping")
    // One that has failed is closed already; the rest must end all the same.
    try? await channel.close()
    await answers.end(on: channel.eventLoop, within: Self.farewellTime)
    try await group.shutdownGracefully()
  }
}

/// Answers that were asked for and are not written yet. Any thread.
final class OpenAnswers: Sendable {
  private struct State {
    var count = 0
    var end: EventLoopPromise<Void>?
  }

  private let state = Mutex(State())

  func began() { state.withLock { $0.count += 1 } }

  func ended() {
    let end = state.withLock { state in
      state.count -= 1
      guard state.count == 0 else { return nil as EventLoopPromise<Void>? }
      defer { state.end = nil }
      return state.end
    }
    end?.succeed()
  }

  /// Returns when there are none, or the time is over. Called once, when no new ones can come.
  func end(on eventLoop: any EventLoop, within time: TimeAmount) async {
    let promise = eventLoop.makePromise(of: Void.self)
    let isDone = state.withLock { state in
      if state.count > 0 { state.end = promise }
      return state.count == 0
    }
    if isDone { promise.succeed() }
    let limit = eventLoop.scheduleTask(in: time) { [self] in
      let end = state.withLock { state in
        defer { state.end = nil }
        return state.end
      }
      end?.succeed()
    }
    // It is only ever succeeded.
    try? await promise.futureResult.get()
    limit.cancel()
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
