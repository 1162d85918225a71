import NIOCore

/// Adds MAX_CONCURRENT_STREAMS to a server's first SETTINGS frame if it is missing, then removes
/// itself.
///
/// RFC 9113 (6.5.2) says that a server which does not send it sets no limit; swift-nio-http2 takes
/// it for 100 and lets further streams wait without a word. C-core (hence Python and Ruby) and Node
/// do not send it. A server that does not speak HTTP/2 is recognised by what it says instead. Sits before the HTTP/2 handler and sees raw bytes.
final class SettingsCompletion: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private static let frameHeaderBytes = 9
  private static let settingBytes = 6
  private static let settingsType: UInt8 = 4
  private static let maximumConcurrentStreams: UInt16 = 3
  /// A longer first frame is let through for the HTTP/2 handler to judge (RFC 9113, 4.2).
  private static let largestFrameBytes = 16_384

  private let limit: UInt32
  private var received = ByteBuffer()

  /// `limit` is what to take for the server's limit if it names none.
  init(limit: Int) { self.limit = UInt32(clamping: limit) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    received.writeBuffer(&bytes)
    if let refusal = ServerRefusal(firstBytes: received) {
      context.fireErrorCaught(refusal)
      return context.close(promise: nil)
    }
    guard let completed = Self.complete(received, limit: limit) else { return }
    received = ByteBuffer()
    context.fireChannelRead(wrapInboundOut(completed))
    context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
  }

  /// The bytes with the setting in, or `nil` while the first frame is not complete.
  static func complete(_ bytes: ByteBuffer, limit: UInt32) -> ByteBuffer? {
    let start = bytes.readerIndex
    guard bytes.readableBytes >= frameHeaderBytes,
      let word = bytes.getInteger(at: start, as: UInt32.self)
    else { return nil }
    let length = Int(word >> 8)
    guard UInt8(truncatingIfNeeded: word) == settingsType, length <= largestFrameBytes,
      length % settingBytes == 0
    else { return bytes }
    let end = start + frameHeaderBytes + length
    guard bytes.writerIndex >= end else { return nil }
    for entry in stride(from: start + frameHeaderBytes, to: end, by: settingBytes)
    where bytes.getInteger(at: entry, as: UInt16.self) == maximumConcurrentStreams {
      return bytes
    }
    var completed = ByteBuffer()
    completed.writeInteger(UInt32(length + settingBytes) << 8 | UInt32(settingsType))
    completed.writeImmutableBuffer(bytes.viewSlice(from: start + 4, to: end))
    completed.writeInteger(maximumConcurrentStreams)
    completed.writeInteger(limit)
    completed.writeImmutableBuffer(bytes.viewSlice(from: end, to: bytes.writerIndex))
    return completed
  }
}

extension ByteBuffer {
  /// The bytes between two indices that lie within the readable bytes.
  fileprivate func viewSlice(from start: Int, to end: Int) -> ByteBuffer {
    getSlice(at: start, length: end - start) ?? ByteBuffer()
  }
}
