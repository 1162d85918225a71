import NIOCore

/// Waits for the first bytes of a connection and puts the protocol they belong to behind itself, then leaves.
///
/// HTTP/2 is begun once the client has sent its preface (RFC 9113, 3.4), not before: a server's HTTP/2 begins
/// with a frame of its own. Anything else that looks like a request is HTTP/1; where that is not served, a
/// browser or probe is told so in its own language. Whatever is neither is closed.
final class PrefaceGuard: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// Puts the handlers of a protocol behind this one.
  typealias Install = (PrefaceGuard) throws -> Void

  private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  private static let answerBody = "This port speaks gRPC (HTTP/2) only.\n"
  private static let answer =
    "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n"
    + "content-length: \(answerBody.utf8.count)\r\n\r\n" + answerBody

  private let timeout: TimeAmount
  private let http2: Install
  private let http1: Install?
  private var received = ByteBuffer()
  private var isRefused = false
  private var timer: Scheduled<Void>?

  /// - Parameter timeout: how long the first bytes may take.
  init(timeout: TimeAmount, http2: @escaping Install, http1: Install?) {
    self.timeout = timeout
    self.http2 = http2
    self.http1 = http1
  }

  func handlerAdded(context: ChannelHandlerContext) {
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
      context.close(promise: nil)
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isRefused else { return }
    var bytes = unwrapInboundIn(data)
    received.writeBuffer(&bytes)
    let seen = received.readableBytesView.prefix(Self.preface.count)
    if Self.preface.starts(with: seen) {
      if seen.count == Self.preface.count { install(http2, context) }
    } else if !looksLikeHTTP1 {
      isRefused = true
      context.close(promise: nil)
    } else if let http1 {
      install(http1, context)
    } else {
      refuse(context)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // Nothing was asked yet.
    guard !(event is ConnectionShouldDrain) else { return context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  /// A method name in capitals is how every HTTP/1 request begins.
  private var looksLikeHTTP1: Bool {
    received.readableBytesView.prefix(3).allSatisfy { (0x41...0x5a).contains($0) }
  }

  private func install(_ install: Install, _ context: ChannelHandlerContext) {
    let first = received
    received = ByteBuffer()
    do {
      try install(self)
      context.fireChannelRead(wrapInboundOut(first))
      context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    } catch {
      context.fireErrorCaught(error)
      context.close(promise: nil)
    }
  }

  private func refuse(_ context: ChannelHandlerContext) {
    isRefused = true
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
    context.writeAndFlush(
      wrapOutboundOut(ByteBuffer(string: Self.answer)), promise: written)
  }
}
