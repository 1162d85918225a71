import NIOCore
import NIOHPACK
import NIOHTTP2

/// What both ends of a call share: one HTTP/2 stream, whose DATA frames it turns into messages and
/// back. It holds small messages until the connection flushes, and refills the peer's window only as
/// its owner reads.
///
/// Everything happens on the event loop of the connection. Subclasses decide what headers, messages
/// and ends mean. A class hierarchy, because the two live on the hot path: no existential, no closure
/// and no second object for each stream.
class MessageStream {
  /// Bytes waiting for flow control above which a stream is not writable, and below which it is again.
  private static let watermarks = (low: 16_384, high: 65_536)

  /// Where everything happens.
  final let eventLoop: any EventLoop
  private final let maximumMessageBytes: Int
  private final let windowBytes: Int
  /// Set while the stream is open on the connection.
  private final var multiplexer: StreamMultiplexer?
  /// The stream's number on its connection.
  private(set) final var streamID = HTTP2StreamID.rootStream
  /// Whether messages are delivered and may be sent. The subclass sets it at the start of a call
  /// and unsets it at its end.
  final var isOpen = false
  /// Whether the peer's END_STREAM has come.
  final var isRemoteEnded = false
  /// How the peer compresses the messages it flags as compressed.
  final var inboundEncoding = MessageEncoding.identity
  /// Whether messages sent are compressed where that helps.
  final var compressesOutbound = false
  /// Whether what comes and goes are plain bytes, not messages.
  final var carriesPlainBytes = false
  /// Whether flow control and the socket take more.
  private(set) final var isChannelWritable = false

  private final var decoder: MessageDecoder
  private final var batch = MessageBatch()
  private final var isReading = true
  private final var isResumeScheduled = false
  private final var isDelivering = false
  private final var isFlushPending = false
  private final var isEndDelivered = false
  /// What the peer may still send, as the HTTP/2 handler last said.
  private final var inboundWindow: Int?
  /// Bytes written that flow control still holds.
  private final var bufferedBytes = 0
  private final var isOverWatermark = false
  private final var isWritabilityNews = false
  private final var progress = StreamProgress()

  /// A stream that is not on a connection yet.
  init(eventLoop: any EventLoop, maximumMessageBytes: Int, windowBytes: Int) {
    self.eventLoop = eventLoop
    self.maximumMessageBytes = maximumMessageBytes
    self.windowBytes = windowBytes
    decoder = MessageDecoder(maximumMessageBytes: maximumMessageBytes)
  }

  // MARK: For subclasses to override

  /// A HEADERS frame came. `isRemoteEnded` is up to date.
  func receivedHeaders(_ headers: HPACKHeaders) {}
  /// One message, expanded. Called while `isOpen` only.
  func receivedMessage(_ message: ByteBuffer) {}
  /// All messages were delivered and the peer has ended its side. Called once, while `isOpen` only.
  func receivedLastMessage() {}
  /// Bytes of a stream that carries no messages. Called while `isOpen` only.
  func receivedBytes(_ bytes: ByteBuffer) {}
  /// DATA came while the call was not open.
  func discarded(bytes: Int) {}
  /// The peer's bytes are no valid messages. Called while `isOpen` only.
  func messagesBroken(_ status: GRPCStatus) {}
  /// A message has begun and does not go on. Called while `isOpen` only.
  func messageStalled() {}
  /// All is written, and the peer takes nothing of what is left.
  func answerStalled() {}
  /// The stream has become writable or stopped to be. Called while `isOpen` only.
  func writabilityMoved(_ isWritable: Bool) {}
  /// The stream was reset by the peer, or the library refused what was sent on it. `streamClosed`
  /// follows, unless the stream is still open after a refused write.
  func streamFailed(_ error: any Error) {}
  /// The stream is over, cleanly or not. Called exactly once.
  func streamClosed() {}

  // MARK: For subclasses to call

  /// Whether flow control holds something that was written.
  final var hasBufferedBytes: Bool { bufferedBytes > 0 }

  /// Whether the stream is open on a connection.
  final var isAttached: Bool { multiplexer != nil }

  /// Writes a HEADERS frame after the messages collected so far.
  final func writeHeaders(
    _ headers: HPACKHeaders, endStream: Bool, promise: EventLoopPromise<Void>? = nil
  ) {
    guard let multiplexer else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    writeBatch(multiplexer)
    write(
      .headers(.init(headers: headers, endStream: endStream)), multiplexer, promise: promise)
    wantsFlush()
  }

  /// Sends one message: collected if it is small, else written.
  final func writeMessage(_ message: ByteBuffer) {
    guard let multiplexer else { return }
    let compressed = compressesOutbound ? MessageEncoding.compressed(message) : nil
    let (first, second) = batch.append(
      compressed ?? message, isCompressed: compressed != nil, allocator: ByteBufferAllocator())
    if let first { writeData(first, endStream: false, multiplexer) }
    if let second { writeData(second, endStream: false, multiplexer) }
    wantsFlush()
  }

  /// Writes a DATA frame as it is.
  final func writeBytes(_ bytes: ByteBuffer, endStream: Bool) {
    guard let multiplexer else { return }
    writeData(bytes, endStream: endStream, multiplexer)
    wantsFlush()
  }

  /// Ends this side of the stream with a DATA frame: that of the last messages, if it is still
  /// here.
  final func writeEnd() {
    guard let multiplexer else { return }
    writeData(batch.take() ?? ByteBuffer(), endStream: true, multiplexer)
    wantsFlush()
  }

  /// Writes RST_STREAM after what was written before, as far as flow control lets that go.
  final func writeReset(_ reason: HTTP2ErrorCode) {
    guard let multiplexer else { return }
    writeBatch(multiplexer)
    multiplexer.flush()
    write(.rstStream(reason), multiplexer)
    wantsFlush()
  }

  /// Resets the stream with CANCEL if it is still there.
  final func closeStream() {
    guard let multiplexer else { return }
    write(.rstStream(.cancel), multiplexer)
    multiplexer.flush()
    multiplexer.coalescer.wantsDrain()
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
      self.refillWindow()
    }
  }

  /// Drops what was received but not delivered.
  final func discardReceived() { decoder.discard() }

  /// Delivers complete messages, and the end after the last, as far as the owner reads.
  final func deliver() {
    guard !isDelivering else { return }
    isDelivering = true
    defer { isDelivering = false }
    do throws(GRPCStatus) {
      while isOpen, isReading, let message = try decoder.next() {
        progress.messagePaused()
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

  private final func writeBatch(_ multiplexer: StreamMultiplexer) {
    if let bytes = batch.take() { writeData(bytes, endStream: false, multiplexer) }
  }

  private final func writeData(
    _ bytes: ByteBuffer, endStream: Bool, _ multiplexer: StreamMultiplexer
  ) {
    bufferedBytes += bytes.readableBytes
    multiplexer.holds(bytes.readableBytes)
    multiplexer.noteWritability(of: self)
    write(.data(.init(data: .byteBuffer(bytes), endStream: endStream)), multiplexer)
  }

  private final func write(
    _ payload: HTTP2Frame.FramePayload, _ multiplexer: StreamMultiplexer,
    promise: EventLoopPromise<Void>? = nil
  ) {
    multiplexer.write(HTTP2Frame(streamID: streamID, payload: payload), promise: promise)
  }

  private final func wantsFlush() {
    guard !isFlushPending, let multiplexer else { return }
    isFlushPending = true
    multiplexer.wantsFlush(self)
  }

  /// Lets the peer send more once the owner has taken what came. Bytes of messages that wait for the
  /// owner count as not received.
  private final func refillWindow() {
    guard let multiplexer, let inboundWindow, !isRemoteEnded else { return }
    let waiting = isReading ? 0 : decoder.unreadBytes
    guard
      let increment = InboundWindow.increment(from: inboundWindow + waiting, target: windowBytes)
    else { return }
    write(.windowUpdate(windowSizeIncrement: increment), multiplexer)
    multiplexer.coalescer.wantsDrain()
  }

  // MARK: From the connection

  /// The stream has its place on a connection.
  final func attach(to multiplexer: StreamMultiplexer, streamID: HTTP2StreamID) {
    self.multiplexer = multiplexer
    self.streamID = streamID
    isChannelWritable = multiplexer.isWritable
  }

  /// The stream is over; nothing can be written any more. ``close(_:)`` follows.
  final func detach() {
    multiplexer?.dropped(bufferedBytes)
    multiplexer = nil
  }

  /// The stream is over, in order or (`reason`) by a reset of either side.
  final func close(_ reason: HTTP2ErrorCode?) {
    detach()
    if let reason {
      streamFailed(NIOHTTP2Errors.streamClosed(streamID: streamID, errorCode: reason))
    }
    streamClosed()
  }

  final func received(_ headers: HPACKHeaders, endStream: Bool) {
    if endStream { isRemoteEnded = true }
    receivedHeaders(headers)
  }

  final func received(_ bytes: ByteBuffer, endStream: Bool) {
    if endStream { isRemoteEnded = true }
    progress.received(bytes.readableBytes)
    guard isOpen else { return discarded(bytes: bytes.readableBytes) }
    guard !carriesPlainBytes else { return receivedBytes(bytes) }
    decoder.append(bytes)
    deliver()
  }

  final func inboundWindowChanged(to window: Int) {
    inboundWindow = window
    refillWindow()
  }

  final func inboundWindowMoved(by delta: Int) {
    guard let window = inboundWindow else { return }
    inboundWindowChanged(to: window + delta)
  }

  /// Tells the subclass what did not go on since the last call. An owner that does not read, and one that still
  /// has something to send, are given all the time they want.
  final func checkProgress() {
    if isOpen {
      guard isReading else { return progress.messagePaused() }
      guard !carriesPlainBytes, decoder.hasUnread, !isRemoteEnded else { return }
      if progress.isMessageStalled() { messageStalled() }
    } else if isAttached, progress.isAnswerStalled(held: bufferedBytes) {
      answerStalled()
    }
  }

  /// Writes what is held back; the connection flushes it.
  final func writeHeldBack() {
    isFlushPending = false
    if let multiplexer { writeBatch(multiplexer) }
  }

  /// Flow control let this many bytes go.
  final func bytesWritten(_ count: Int) { bufferedBytes -= count }

  /// Takes note of a change, which ``tellWritability()`` tells the owner. Answers whether there is one
  /// to tell.
  final func writabilityMayHaveChanged() -> Bool {
    if bufferedBytes > Self.watermarks.high {
      isOverWatermark = true
    } else if bufferedBytes < Self.watermarks.low {
      isOverWatermark = false
    }
    let isWritable = multiplexer?.isWritable == true && !isOverWatermark
    guard isWritable != isChannelWritable else { return false }
    isChannelWritable = isWritable
    isWritabilityNews = true
    return true
  }

  /// Tells the owner of a change.
  final func tellWritability() {
    guard isWritabilityNews else { return }
    isWritabilityNews = false
    if isOpen { writabilityMoved(isChannelWritable) }
  }
}
