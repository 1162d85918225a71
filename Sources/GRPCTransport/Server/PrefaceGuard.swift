import NIOCore
import NIOHTTP2

/// Installs the HTTP/2 handler once the client has sent the HTTP/2 preface (RFC 9113, 3.4), not
/// before: a server's HTTP/2 begins with a frame of its own. A browser or probe that speaks HTTP/1
/// is told so in its own language; anything else is closed.
final class PrefaceGuard: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  private static let answerBody = "This port speaks gRPC (HTTP/2) only.\n"
  private static let answer =
    "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n"
    + "content-length: \(answerBody.utf8.count)\r\n\r\n" + answerBody

  private let http2: NIOHTTP2Handler
  private var received = ByteBuffer()
  private var isRefused = false

  /// `http2` is put behind this handler, which then leaves the pipeline.
  init(http2: NIOHTTP2Handler) { self.http2 = http2 }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isRefused else { return }
    var bytes = unwrapInboundIn(data)
    received.writeBuffer(&bytes)
    let seen = received.readableBytesView.prefix(Self.preface.count)
    guard Self.preface.starts(with: seen) else { return refuse(context) }
    guard seen.count == Self.preface.count else { return }
    do {
      try context.pipeline.syncOperations.addHandler(http2, position: .after(self))
      context.fireChannelRead(wrapInboundOut(received))
      context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    } catch {
      context.fireErrorCaught(error)
    }
    received = ByteBuffer()
  }

  private func refuse(_ context: ChannelHandlerContext) {
    isRefused = true
    // A method name in capitals is how every HTTP/1 request begins.
    guard received.readableBytesView.prefix(3).allSatisfy({ (0x41...0x5a).contains($0) }) else {
      context.close(promise: nil)
      return
    }
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
    context.writeAndFlush(
      wrapOutboundOut(ByteBuffer(string: Self.answer)), promise: written)
  }
}
