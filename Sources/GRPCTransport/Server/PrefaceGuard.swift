import Logging
import NIOCore
import NIOTLS

/// Waits for the first bytes of a connection and puts the protocol they belong to behind itself, then leaves.
///
/// HTTP/2 is begun once the client has sent its preface (RFC 9113, 3.4), not before: a server's HTTP/2 begins
/// with a frame of its own. Anything else that looks like a request is HTTP/1; where that is not served, a
/// browser or probe is told so in its own language. Whatever is neither is closed.
///
/// With TLS, it sits behind it and sees what was decrypted. Then the protocol that the two sides have
/// agreed on (ALPN, RFC 7301) rules, if they have; a client that says something else is closed.
final class PrefaceGuard: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// Puts the handlers of a protocol behind this one.
  typealias Install = (PrefaceGuard) throws -> Void

  private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
  /// A record of a handshake, of whichever version (RFC 8446, 5.1).
  private static let handshakeOfTLS: [UInt8] = [22, 3]
  private static let badRequest = "400 Bad Request"

  private let timeout: TimeAmount
  private let logger: Logger
  private let http2: Install
  private let http1: Install?
  private var received = ByteBuffer()
  private var isRefused = false
  /// What ALPN chose; `nil` without TLS, or if the client named nothing that is served.
  private var agreed: String?
  private var timer: Scheduled<Void>?

  /// - Parameter timeout: how long the first bytes may take, with the handshake of TLS.
  init(timeout: TimeAmount, logger: Logger, http2: @escaping Install, http1: Install?) {
    self.timeout = timeout
    self.logger = logger
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
    if agreed != "http/1.1", Self.preface.starts(with: seen) {
      if seen.count == Self.preface.count { install(http2, context) }
    } else if agreed == "h2" || !looksLikeHTTP1 {
      if Self.handshakeOfTLS.starts(with: seen.prefix(2)) {
        refuse(context, "This port does not speak TLS: use http://")
      } else {
        isRefused = true
        context.close(promise: nil)
      }
    } else if let http1 {
      install(http1, context)
    } else {
      refuse(context, "This port speaks gRPC (HTTP/2) only.")
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // TLS closes the connection itself.
    logger.debug(
      "a connection failed before its first request",
      metadata: [
        "peer": "\(ConnectionPeer(of: context.channel).address)", "error": "\(error)",
      ])
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // Nothing was asked yet.
    guard !(event is ConnectionShouldDrain) else { return context.close(promise: nil) }
    if case TLSUserEvent.handshakeCompleted(let agreed) = event { self.agreed = agreed }
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

  private func refuse(_ context: ChannelHandlerContext, _ text: String) {
    isRefused = true
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
    context.writeAndFlush(
      wrapOutboundOut(.http1(status: Self.badRequest, text: text)), promise: written)
  }
}
