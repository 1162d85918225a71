import NIOCore

/// Bounds what a client may send before the parser makes something of it: the parser bounds headers, but
/// not the request line. First handler of an HTTP/1 connection.
final class HTTP1HeadBound: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let connection: HTTP1Connection
  private let maximumBytes: Int
  private var isExceeded = false

  init(connection: HTTP1Connection, maximumBytes: Int) {
    self.connection = connection
    self.maximumBytes = maximumBytes
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isExceeded, !connection.isOver else { return }
    connection.bytesArrived(unwrapInboundIn(data).readableBytes)
    context.fireChannelRead(data)
    guard connection.unparsedBytes > maximumBytes else { return }
    isExceeded = true
    connection.refuseNext(.headTooLarge(limit: maximumBytes))
  }
}
