import GRPCTransport
import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import Synchronization

/// A client on plain HTTP/2 frames, for what our own client never does.
final class RawPeer: Sendable {
  private struct Seen {
    var headers: [HPACKHeaders] = []
    var trailers: [HPACKHeaders] = []
    var data = ByteBuffer()
    var isClosed = false
  }

  private final class Recorder: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload

    let peer: RawPeer

    init(_ peer: RawPeer) { self.peer = peer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .headers(let frame):
        peer.seen.withLock {
          if frame.endStream { $0.trailers.append(frame.headers) }
          $0.headers.append(frame.headers)
        }
      case .data(let frame):
        guard case .byteBuffer(var bytes) = frame.data else { return }
        peer.seen.withLock { _ = $0.data.writeBuffer(&bytes) }
      default:
        break
      }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
  }

  private let seen = Mutex(Seen())
  private let channel: any Channel
  private let multiplexer: NIOHTTP2Handler.StreamMultiplexer

  private init(channel: any Channel, multiplexer: NIOHTTP2Handler.StreamMultiplexer) {
    self.channel = channel
    self.multiplexer = multiplexer
  }

  static func connect(to address: GRPCAddress) async throws -> RawPeer {
    guard case .tcp(let host, let port) = address else { throw ChannelError.unknownLocalAddress }
    let (channel, multiplexer) = try await ClientBootstrap(group: testGroup)
      .connect(host: host, port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          let http2 = NIOHTTP2Handler(mode: .client, eventLoop: channel.eventLoop) { $0.close() }
          try channel.pipeline.syncOperations.addHandler(http2)
          return (channel, try http2.syncMultiplexer())
        }
      }
    return RawPeer(channel: channel, multiplexer: multiplexer)
  }

  /// Every header block, initial or trailing.
  var headers: [HPACKHeaders] { seen.withLock { $0.headers } }
  /// The header blocks that ended a stream.
  var trailers: [HPACKHeaders] { seen.withLock { $0.trailers } }
  var data: ByteBuffer { seen.withLock { $0.data } }
  var isClosed: Bool { !channel.isActive }

  /// Opens a stream with gRPC's headers, changed by `extra`, and sends `body` as it is.
  @discardableResult
  func sendRequest(
    path: String, method: String = "POST", contentType: String? = "application/grpc",
    extra: [(String, String)] = [], body: ByteBuffer? = nil, endStream: Bool = false
  ) async throws -> any Channel {
    let promise = channel.eventLoop.makePromise(of: (any Channel).self)
    multiplexer.createStreamChannel(promise: promise) { stream in
      stream.eventLoop.makeCompletedFuture {
        try stream.pipeline.syncOperations.addHandler(Recorder(self))
      }
    }
    let stream = try await promise.futureResult.get()
    var headers: HPACKHeaders = [
      ":method": method, ":scheme": "http", ":path": path, ":authority": "test",
    ]
    if let contentType { headers.add(name: "content-type", value: contentType) }
    for (name, value) in extra { headers.add(name: name, value: value) }
    try await stream.writeAndFlush(
      HTTP2Frame.FramePayload.headers(
        .init(headers: headers, endStream: endStream && body == nil)))
    if let body {
      try await stream.writeAndFlush(
        HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(body), endStream: endStream)))
    }
    return stream
  }

  func close() async throws { try? await channel.close() }
}
