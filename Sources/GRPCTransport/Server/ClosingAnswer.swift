import NIOCore
import NIOHTTP2

/// Answers whatever a client sends first with prepared bytes, and closes. The client gets a short time to
/// read them: closing with something unread would cost it the answer.
final class ClosingAnswer: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private static let lingerTime = TimeAmount.seconds(2)

  private let answer: ByteBuffer
  private var isAnswered = false
  private var timer: Scheduled<Void>?

  init(_ answer: ByteBuffer) { self.answer = answer }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isAnswered else { return }
    isAnswered = true
    context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
    context.close(mode: .output, promise: nil)
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.lingerTime) {
      context.close(promise: nil)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard !(event is ConnectionShouldDrain) else { return context.close(promise: nil) }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }
}

extension ByteBuffer {
  /// A whole answer of HTTP/1.1 behind which the connection is closed.
  static func http1(status: String, headers: [String] = [], text: String) -> ByteBuffer {
    let lines =
      [
        "HTTP/1.1 \(status)", "content-type: text/plain; charset=utf-8", "connection: close",
        "content-length: \(text.utf8.count + 1)",
      ] + headers
    return ByteBuffer(string: lines.joined(separator: "\r\n") + "\r\n\r\n" + text + "\n")
  }

  /// A server's first and last words of HTTP/2 (RFC 9113, 6.5 and 6.8): empty settings, then GOAWAY. No stream
  /// was begun, so the client may send all its requests again.
  static func goAway(_ code: HTTP2ErrorCode, text: String) -> ByteBuffer {
    var bytes = ByteBuffer(bytes: [0, 0, 0, 4, 0, 0, 0, 0, 0])
    bytes.writeInteger(UInt32(8 + text.utf8.count) << 8 | 7)
    bytes.writeInteger(UInt8(0))
    bytes.writeInteger(UInt32(0))
    bytes.writeInteger(UInt32(0))
    bytes.writeInteger(UInt32(code.networkCode))
    bytes.writeString(text)
    return bytes
  }
}
