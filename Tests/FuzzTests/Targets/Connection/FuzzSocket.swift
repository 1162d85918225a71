import NIOCore
import NIOEmbedded

/// What a socket does to the handlers of a connection: it is full at times, it breaks, it is half closed,
/// and it gives bytes only when asked. First handler of a pipeline. Loop-bound.
final class FuzzSocket: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  /// As the watermarks of the listener's sockets.
  private static let watermarks = (low: 64 * 1024, high: 256 * 1024)

  private let channel: EmbeddedChannel
  private var context: ChannelHandlerContext?
  private var promises: [EventLoopPromise<Void>?] = []
  private var closing: EventLoopPromise<Void>??
  private(set) var isReadWanted = false
  private var isOutputClosed = false
  private var isClosed = false
  /// Bytes written and not taken by the peer yet.
  private(set) var pendingBytes = 0
  /// The most there ever were.
  private(set) var mostPendingBytes = 0
  /// Whether something was written behind the end of the output.
  private(set) var hasLateOutput = false
  /// All that was written, for who wants to look at it.
  private(set) var output: [UInt8] = []
  var isBlocked = false { didSet { if !isBlocked { release() } } }
  /// Whether the handlers hear that the socket is full. With HTTP/2 they do not: an assertion of its library
  /// (`ControlFrameBuffer`), which release builds do not have, ends the case when a full socket is taken while
  /// frames wait that were not flushed.
  var tellsWritability = true
  /// The next flush finds out that the peer is gone.
  var isBroken = false

  init(_ channel: EmbeddedChannel) { self.channel = channel }

  func takeRead() -> Bool {
    defer { isReadWanted = false }
    return isReadWanted
  }

  /// The peer is gone; no handler is asked.
  func lose() {
    guard let context else { return }
    close(context: context, mode: .all, promise: nil)
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func read(context: ChannelHandlerContext) { isReadWanted = true }

  func write(
    context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?
  ) {
    guard !isClosed, !isOutputClosed, closing == nil else {
      if !isClosed { hasLateOutput = true }
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    let bytes = unwrapOutboundIn(data)
    pendingBytes += bytes.readableBytes
    mostPendingBytes = max(mostPendingBytes, pendingBytes)
    output.append(contentsOf: bytes.readableBytesView)
    promises.append(promise)
    context.write(data, promise: nil)
    if pendingBytes > Self.watermarks.high { setWritable(false) }
  }

  func flush(context: ChannelHandlerContext) {
    if isBroken {
      isBroken = false
      close(context: context, mode: .all, promise: nil)
    } else if !isBlocked {
      release()
    }
  }

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    guard mode == .output else {
      isClosed = true
      failAll()
      context.close(mode: mode, promise: promise)
      return
    }
    guard !isClosed, !isOutputClosed, closing == nil else {
      promise?.fail(ChannelError.outputClosed)
      return
    }
    closing = .some(promise)
    if !isBlocked { release() }
  }

  func channelInactive(context: ChannelHandlerContext) {
    isClosed = true
    failAll()
    context.fireChannelInactive()
  }

  private func setWritable(_ isWritable: Bool) {
    guard tellsWritability, channel.isWritable != isWritable else { return }
    channel.isWritable = isWritable
    channel.pipeline.fireChannelWritabilityChanged()
  }

  /// The peer takes all there is.
  private func release() {
    guard let context, !isClosed else { return }
    context.flush()
    while (try? channel.readOutbound(as: ByteBuffer.self)) != nil {}
    pendingBytes = 0
    let written = promises
    promises = []
    for promise in written { promise?.succeed(()) }
    if let promise = closing {
      closing = nil
      isOutputClosed = true
      promise?.succeed(())
      channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.outputClosed)
    }
    if !isClosed { setWritable(true) }
  }

  private func failAll() {
    let lost = promises
    promises = []
    pendingBytes = 0
    for promise in lost { promise?.fail(ChannelError.ioOnClosedChannel) }
    if let promise = closing {
      closing = nil
      promise?.fail(ChannelError.ioOnClosedChannel)
    }
  }
}
