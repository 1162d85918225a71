import GRPCTransport
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import TestSupport
import Testing

/// A client that sends what a test likes, byte by byte, and keeps what comes back.
final class HTTP1Peer: Sendable {
  private final class Recorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    let peer: HTTP1Peer

    init(_ peer: HTTP1Peer) { self.peer = peer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      var bytes = unwrapInboundIn(data)
      peer.bytes.withLock { _ = $0.writeBuffer(&bytes) }
    }

    func channelInactive(context: ChannelHandlerContext) { peer.closed.withLock { $0 = true } }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      peer.failure.withLock { $0 += "\(error)\n" }
      context.close(promise: nil)
    }
  }

  private let bytes = Mutex(ByteBuffer())
  private let closed = Mutex(false)
  private let failure = Mutex("")
  private let channelBox = Mutex<(any Channel)?>(nil)

  /// All that came.
  var received: String { bytes.withLock { String(buffer: $0) } }
  var receivedBuffer: ByteBuffer { bytes.withLock { $0 } }
  var receivedBytes: Int { bytes.withLock { $0.readableBytes } }
  var isClosed: Bool { closed.withLock { $0 } }
  /// What the connection failed with.
  var failures: String { failure.withLock { $0 } }
  private var channel: any Channel {
    get throws {
      guard let channel = channelBox.withLock({ $0 }) else { throw ChannelError.alreadyClosed }
      return channel
    }
  }

  /// - Parameter tls: speaks TLS with this; the server's certificate must be for `localhost`.
  static func connect(
    to address: GRPCAddress, autoRead: Bool = true, tls: NIOSSLContext? = nil
  ) async throws -> HTTP1Peer {
    guard case .tcp(let host, let port) = address else { throw ChannelError.unknownLocalAddress }
    let peer = HTTP1Peer()
    let channel = try await ClientBootstrap(group: testGroup)
      .channelOption(.autoRead, value: autoRead)
      .connect(host: host, port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls {
            try channel.pipeline.syncOperations.addHandler(
              NIOSSLClientHandler(context: tls, serverHostname: "localhost"))
          }
          try channel.pipeline.syncOperations.addHandler(Recorder(peer))
          return channel
        }
      }
    peer.channelBox.withLock { $0 = channel }
    return peer
  }

  /// The serial number of the server's certificate, hexadecimal.
  func serial() async throws -> String? {
    let certificate = try await channel.nioSSL_peerCertificate().get()
    return certificate?.serialNumber.map { String($0, radix: 16, uppercase: true) }.joined()
  }

  func send(_ text: String) async throws {
    try await channel.writeAndFlush(ByteBuffer(string: text))
  }

  func send(_ bytes: ByteBuffer) async throws { try await channel.writeAndFlush(bytes) }

  /// Sends as long as the server takes it, which need not be long.
  func sendIgnoringEnd(_ text: String) async throws {
    try? await channel.writeAndFlush(ByteBuffer(string: text))
  }

  func sendIgnoringEnd(_ bytes: ArraySlice<UInt8>) async throws {
    try? await channel.writeAndFlush(ByteBuffer(bytes: bytes))
  }

  func startReading() async throws { try await channel.setOption(.autoRead, value: true).get() }

  func close() async throws { try? await channel.close() }

  /// Waits until this came.
  func expect(_ text: String) async throws {
    try await eventually("'\(text)' in \(received.prefix(500))") { received.contains(text) }
  }

  /// Waits until the server has closed the connection.
  func expectClosed() async throws {
    try await eventually("the end of the connection") { isClosed }
  }
}

/// A request with its one necessary header.
func httpRequest(
  _ method: String, _ target: String, headers: [String] = [], body: String? = nil
) -> String {
  var lines = ["\(method) \(target) HTTP/1.1", "host: test"] + headers
  if let body { lines.append("content-length: \(body.utf8.count)") }
  return lines.joined(separator: "\r\n") + "\r\n\r\n" + (body ?? "")
}
