import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// Passes TCP connections on to another port and keeps what goes through, both ways.
final class WireTap: Sendable {
  private final class Capture: Sendable {
    let bytes = Mutex<[UInt8]>([])
    let channels = Mutex<[any Channel]>([])
  }

  private let capture = Capture()
  private let listener: any Channel

  /// - Parameter endpoint: where connections end, `tcp://127.0.0.1:PORT`.
  init(before endpoint: String) async throws {
    guard let port = Int(endpoint.split(separator: ":").last ?? "") else {
      throw TestSetupError(what: "no port in \(endpoint)", code: 0)
    }
    listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelOption(.autoRead, value: false)
      .childChannelInitializer { [capture] near in
        ClientBootstrap(group: near.eventLoop)
          .channelOption(.autoRead, value: false)
          .connect(host: "127.0.0.1", port: port)
          .flatMapThrowing { far in
            try near.pipeline.syncOperations.addHandler(Relay(to: far, capture))
            try far.pipeline.syncOperations.addHandler(Relay(to: near, capture))
            capture.channels.withLock { $0 += [near, far] }
            for channel in [near, far] {
              channel.setOption(.autoRead, value: true).whenFailure { _ in
                channel.close(promise: nil)
              }
            }
          }
      }
      .bind(host: "127.0.0.1", port: 0).get()
  }

  deinit { listener.close(promise: nil) }

  /// Where to connect instead.
  var endpoint: String { "tcp://127.0.0.1:\(listener.localAddress?.port ?? 0)" }

  var byteCount: Int { capture.bytes.withLock { $0.count } }

  func saw(_ text: String) -> Bool {
    let wanted = Array(text.utf8)
    return capture.bytes.withLock { bytes in
      bytes.indices.contains { bytes[$0...].starts(with: wanted) }
    }
  }

  /// Passes nothing more on, so that both ends find no room sooner or later, or goes on.
  func hold(_ isHeld: Bool) async throws {
    for channel in capture.channels.withLock({ $0 }) {
      try await channel.setOption(.autoRead, value: !isHeld).get()
    }
  }

  private final class Relay: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let other: any Channel
    private let capture: Capture

    init(to other: any Channel, _ capture: Capture) {
      self.other = other
      self.capture = capture
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let buffer = unwrapInboundIn(data)
      capture.bytes.withLock { $0 += Array(buffer.readableBytesView) }
      other.writeAndFlush(buffer, promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }
  }
}
