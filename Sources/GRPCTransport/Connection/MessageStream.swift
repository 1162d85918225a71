import NIOCore
import NIOHPACK
import NIOHTTP2

/// What both ends of a call share: the handler of one HTTP/2 stream channel that turns DATA frames
/// into messages and back, holds small messages until the connection flushes, and reads on demand.
///
/// Everything happens on the event loop of the stream. Subclasses decide what headers, messages and
/// ends mean. A class hierarchy, because the two live on the hot path: no existential, no closure
/// and no second object for each stream.
class MessageStream: ChannelInboundHandler, ChannelOutboundHandler, CoalescedStream {
  typealias InboundIn = HTTP2Frame.FramePayload
  typealias OutboundIn = Never
  typealias OutboundOut = HTTP2Frame.FramePayload

  /// Where everything happens.
  final let eventLoop: any EventLoop
  private final let maximumMessageBytes: Int
  /// Set while the handler is in the pipeline of a stream channel.
  private(set) final var context: ChannelHandlerContext?
  /// Whether messages are delivered and may be sent. The subclass sets it at the start of a call
  /// and unsets it at its end.
  final var isOpen = false
  /// Whether the peer's END_STREAM has come.
  final var isRemoteEnded = false
  /// How the peer compresses the messages it flags as compressed.
  final var inboundEncoding = MessageEncoding.identity
  /// Whether messages sent are compressed where that helps.
  final var compressesOutbound = false
  /// The writability of the stream channel, kept here because asking the channel takes a lock.
  private(set) final var isChannelWritable = false

  private final var coalescer: FlushCoalescer?
  private final var decoder: MessageDecoder
  private final var batch = MessageBatch()
  private final var isReading = true
  private final var isResumeScheduled = false
  private final var isInReadCycle = false
  private final var isDelivering = false
  private final var isFlushPending = false
  private final var isEndDelivered = false
  /// Between the two frames of one message: nothing the owner does may get between them.
  private final var isWriting = false
  private final var isWritabilityNews = false

  /// A client's stream has no coalescer before ``attach(to:)``.
  init(eventLoop: any EventLoop, coalescer: FlushCoalescer?, maximumMessageBytes: Int) {
    self.eventLoop = eventLoop
    self.coalescer = coalescer
    self.maximumMessageBytes = maximumMessageBytes
    decoder = MessageDecoder(maximumMessageBytes: maximumMessageBytes)
  }

  // MARK: For subclasses to override

  /// The stream channel is active: a client may send its headers.
  func streamActive() {}
  /// A HEADERS frame came. `isRemoteEnded` is up to date.
  func receivedHeaders(_ headers: HPACKHeaders) {}
  /// One message, expanded. Called while `isOpen` only.
  func receivedMessage(_ message: ByteBuffer) {}
  /// All messages were delivered and the peer has ended its side. Called once, while `isOpen` only.
  func receivedLastMessage() {}
  /// DATA came while the call was not open.
  func discarded(bytes: Int) {}
  /// The peer's bytes are no valid messages. Called while `isOpen` only.
  func messagesBroken(_ status: GRPCStatus) {}
  /// The channel has become writable or stopped to be. Called while `isOpen` only.
  func writabilityMoved(_ isWritable: Bool) {}
  /// The stream was reset by the peer, or the library refused what was sent on it. `streamClosed`
  /// follows, unless the stream is still open after a refused write.
  func streamFailed(_ error: any Error) {}
  /// The stream is over, cleanly or not. Called exactly once.
  func streamClosed() {}

  // MARK: For subclasses to call

  /// Gives the stream, which had none yet, its connection.
  final func attach(to coalescer: FlushCoalescer) { self.coalescer = coalescer }

  /// Writes a HEADERS frame after the messages collected so far.
  final func writeHeaders(
    _ headers: HPACKHeaders, endStream: Bool, promise: EventLoopPromise<Void>? = nil
  ) {
    guard let context else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    writeBatch(context)
    context.write(
      wrapOutboundOut(.headers(.init(headers: headers, endStream: endStream))), promise: promise)
    wantsFlush()
  }

  /// Sends one message: collected if it is small, else written.
  final func writeMessage(_ message: ByteBuffer) {
    guard let context else { return }
    let compressed = compressesOutbound ? MessageEncoding.compressed(message) : nil
    let (first, second) = batch.append(
      compressed ?? message, isCompressed: compressed != nil, allocator: context.channel.allocator)
    isWriting = true
    if let first { writeData(first, endStream: false, context) }
    if let second { writeData(second, endStream: false, context) }
    isWriting = false
    wantsFlush()
    tellWritability()
  }

  /// Ends this side of the stream with a DATA frame: that of the last messages, if it is still
  /// here.
  final func writeEnd() {
    guard let context else { return }
    writeData(batch.take() ?? ByteBuffer(), endStream: true, context)
    wantsFlush()
  }

  /// Writes RST_STREAM after what was written before.
  final func writeReset(_ reason: HTTP2ErrorCode) {
    guard let context else { return }
    context.write(wrapOutboundOut(.rstStream(reason)), promise: nil)
    wantsFlush()
  }

  /// Resets the stream with CANCEL if it is still there.
  final func closeStream() { context?.close(promise: nil) }

  /// Hands on what was collected, at once as far as the HTTP/2 handler; the socket's flush stays
  /// coalesced.
  final func flushBatch() {
    guard isFlushPending else { return }
    isFlushPending = false
    guard let context else { return }
    writeBatch(context)
    context.flush()
  }

  /// See ``GRPCServerCall/setReading(_:)``.
  final func setReading(_ reading: Bool) {
    eventLoop.assertInEventLoop()
    guard reading != isReading else { return }
    isReading = reading
    guard reading, !isResumeScheduled else { return }
    // On the next tick, so that no message arrives inside the caller's own call.
    isResumeScheduled = true
    eventLoop.assumeIsolated().execute {
      self.isResumeScheduled = false
      guard self.isReading else { return }
      self.deliver()
      if self.isReading { self.context?.read() }
    }
  }

  /// Whether messages that came are still waiting for `setReading(true)`.
  final var hasUndelivered: Bool { decoder.hasUnread }

  /// Drops what was received but not delivered.
  final func discardReceived() { decoder.discard() }

  /// Delivers complete messages, and the end after the last, as far as the owner reads.
  final func deliver() {
    guard !isDelivering else { return }
    isDelivering = true
    defer { isDelivering = false }
    do throws(GRPCStatus) {
      while isOpen, isReading, let message = try decoder.next() {
        receivedMessage(
          message.isCompressed
            ? try inboundEncoding.expand(
              message.payload, maximumMessageBytes: maximumMessageBytes)
            : message.payload)
      }
      guard isOpen, isReading, isRemoteEnded, !isEndDelivered else { return }
      guard !decoder.hasUnread else {
        throw GRPCStatus(.internalError, "the stream ended in the middle of a message")
      }
      isEndDelivered = true
      receivedLastMessage()
    } catch {
      messagesBroken(error)
    }
  }

  private final func writeBatch(_ context: ChannelHandlerContext) {
    if let bytes = batch.take() { writeData(bytes, endStream: false, context) }
  }

  private final func writeData(
    _ bytes: ByteBuffer, endStream: Bool, _ context: ChannelHandlerContext
  ) {
    context.write(
      wrapOutboundOut(.data(.init(data: .byteBuffer(bytes), endStream: endStream))), promise: nil)
  }

  private final func tellWritability() {
    guard isWritabilityNews else { return }
    isWritabilityNews = false
    if isOpen { writabilityMoved(isChannelWritable) }
  }

  private final func wantsFlush() {
    guard !isFlushPending else { return }
    isFlushPending = true
    // In a read cycle of this stream `channelReadComplete` flushes, while the HTTP/2 handler still
    // gathers the flushes of all its streams.
    if !isInReadCycle { coalescer?.wantsFlush(self) }
  }

  // MARK: Channel handler

  final func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    isChannelWritable = context.channel.isWritable
  }

  final func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  final func channelActive(context: ChannelHandlerContext) {
    streamActive()
    context.fireChannelActive()
  }

  final func channelInactive(context: ChannelHandlerContext) {
    streamClosed()
    context.fireChannelInactive()
  }

  final func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    isInReadCycle = true
    switch unwrapInboundIn(data) {
    case .data(let frame):
      if frame.endStream { isRemoteEnded = true }
      guard case .byteBuffer(let bytes) = frame.data else { return }
      guard isOpen else { return discarded(bytes: bytes.readableBytes) }
      decoder.append(bytes)
      deliver()
    case .headers(let frame):
      if frame.endStream { isRemoteEnded = true }
      receivedHeaders(frame.headers)
    default:
      break
    }
  }

  final func channelReadComplete(context: ChannelHandlerContext) {
    isInReadCycle = false
    flushBatch()
    context.fireChannelReadComplete()
  }

  final func channelWritabilityChanged(context: ChannelHandlerContext) {
    let isWritable = context.channel.isWritable
    if isWritable != isChannelWritable {
      isChannelWritable = isWritable
      isWritabilityNews = true
      if !isWriting { tellWritability() }
    }
    context.fireChannelWritabilityChanged()
  }

  final func errorCaught(context: ChannelHandlerContext, error: any Error) { streamFailed(error) }

  /// The only way bytes get in: while the owner does not read, the channel keeps what arrives and
  /// the HTTP/2 window is not refilled.
  final func read(context: ChannelHandlerContext) {
    if isReading { context.read() }
  }
}
