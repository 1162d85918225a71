import Foundation
import NIOCore
import NIOPosix

/// A listener that accepts nobody, and whose queue is full: attempts to connect go unanswered, as in a network that is cut.
final class SilentListener: Sendable {
  /// After so long the system sends the next attempt 7 s later: at 15 s, or, where the first ones come each second (Linux
  /// 6.5), at 19 s.
  static var longSilence: Duration {
    let path = "/proc/sys/net/ipv4/tcp_syn_linear_timeouts"
    let count = (try? String(contentsOfFile: path, encoding: .utf8)).map { $0.prefix(1) }
    return .seconds(count == nil || count == "0" ? 8 : 12)
  }

  private let listener: any Channel
  private let visitors: [EventLoopFuture<any Channel>]

  init() async throws {
    let group = MultiThreadedEventLoopGroup.singleton
    let listener = try await ServerBootstrap(group: group)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.backlog, value: 0)
      .serverChannelOption(.autoRead, value: false)
      .bind(host: "127.0.0.1", port: 0).get()
    self.listener = listener
    let address = listener.localAddress
    visitors = (0..<3).compactMap { _ in
      address.map { ClientBootstrap(group: group).connectTimeout(.seconds(60)).connect(to: $0) }
    }
  }

  var port: Int { listener.localAddress?.port ?? 0 }

  func close() async throws {
    try await listener.close().get()
    for visitor in visitors { visitor.whenSuccess { $0.close(promise: nil) } }
  }
}
