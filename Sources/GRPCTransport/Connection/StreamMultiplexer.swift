import NIOCore
import NIOHTTP2

/// The streams of one connection: hands each frame to its ``MessageStream`` and keeps the flow-control
/// windows. Sits directly behind the HTTP/2 handler. Loop-bound.
///
/// It takes the place of the library's stream channels. A channel with pipeline, promises and buffers
/// for each call costs more than everything else on the way of a small call; a stream here is one
/// object and one entry in a table. The connection's own frames and events go on to the next handler.
final class StreamMultiplexer: ChannelInboundHandler, FlushSource {
  typealias InboundIn = HTTP2Frame
  typealias InboundOut = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  /// Streams with something to write at which they are flushed without waiting for the end of the
  /// read cycle. A flush costs a system call; waiting for hundreds of messages to be handled first
  /// leaves the peer idle meanwhile.
  private static let streamsPerFlush = 16

  /// Makes the stream for a request that has begun; `nil` for clients, whose peers begin none.
  typealias Accept = (HTTP2StreamID) -> MessageStream

  /// Gathers the flushes of all streams. Belongs at the head of the pipeline.
  private(set) lazy var coalescer = FlushCoalescer(source: self)
  /// Whether the socket takes more.
  private(set) var isWritable = true
  /// Whether headers or data went to the peer since somebody last set this to `false`.
  var hasSent = false
  /// Bytes of all streams that wait for a flush or for the peer's windows.
  private(set) var heldBytes = 0
  private let accept: Accept?
  private let windowBytes: Int
  private var context: ChannelHandlerContext?
  private var streams: [HTTP2StreamID: MessageStream] = [:]
  /// Even, and never used, once the numbers of a client's streams are used up (RFC 9113, 5.1.1).
  private var nextStreamID: HTTP2StreamID
  /// Streams that hold messages back for the next flush.
  private var waiting: [MessageStream] = []
  /// Swapped with `waiting` while writing, so that neither array is allocated again.
  private var spare: [MessageStream] = []
  /// Streams that ended by what was written here; told outside of the write.
  private var ended: [(stream: MessageStream, reason: HTTP2ErrorCode?)] = []
  /// Streams that may have become writable; told outside of the write.
  private var relieved: [MessageStream] = []
  /// Whether the handlers behind this one are to hear that the socket takes more, or no more.
  private var isParentNews = false
  /// Above zero while something is written, in the middle of an owner's call: what happens to streams
  /// meanwhile is only noted.
  private var writeDepth = 0

  /// - Parameters:
  ///   - windowBytes: what the peer may send, on each stream and on the connection, before it waits.
  ///   - firstStreamID: the number of the first stream opened here; odd.
  init(windowBytes: Int, firstStreamID: HTTP2StreamID = 1, accept: Accept?) {
    self.windowBytes = windowBytes
    self.accept = accept
    nextStreamID = firstStreamID
  }

  /// Whether every number for a stream opened here has been used.
  var isExhausted: Bool { !nextStreamID.isClientInitiated }

  // MARK: From streams

  /// Gives a client's stream its number. Numbers are used in order, so the stream must write its
  /// headers before the next is opened.
  ///
  /// - Precondition: the numbers are not exhausted.
  func open(_ stream: MessageStream) {
    stream.attach(to: self, streamID: nextStreamID)
    streams[nextStreamID] = stream
    nextStreamID = nextStreamID.advanced(by: nextStreamID < .maxID ? 2 : -1)
  }

  /// A stream hands over bytes of DATA; they are held until they have left flow control.
  func holds(_ count: Int) { heldBytes += count }

  /// A stream is over, and with it what was held of it.
  func dropped(_ count: Int) { heldBytes -= count }

  /// Hands a frame to the HTTP/2 handler; ``wantsFlush(_:)`` or ``flush()`` sends it on its way.
  func write(_ frame: HTTP2Frame, promise: EventLoopPromise<Void>? = nil) {
    guard let context else {
      promise?.fail(ChannelError.ioOnClosedChannel)
      return
    }
    writeDepth += 1
    context.write(wrapOutboundOut(frame), promise: promise)
    writeDepth -= 1
  }

  /// Calls the stream's ``MessageStream/writeHeldBack()`` and flushes, soon and once.
  func wantsFlush(_ stream: MessageStream) {
    waiting.append(stream)
    coalescer.wantsDrain()
    guard waiting.count >= Self.streamsPerFlush else { return }
    writeDepth += 1
    coalescer.flushGroup()
    writeDepth -= 1
  }

  /// A stream may have become writable, or stopped to be, while something is written: its owner hears of
  /// it afterwards.
  func noteWritability(of stream: MessageStream) {
    guard stream.writabilityMayHaveChanged() else { return }
    relieved.append(stream)
    coalescer.wantsDrain()
  }

  /// Moves what was written through flow control. The socket's flush stays coalesced.
  func flush() {
    writeDepth += 1
    context?.flush()
    writeDepth -= 1
  }

  /// Looks for peers that do not go on. Called now and then; see ``MessageStream/checkProgress()``.
  func checkProgress() {
    // Ends change the table.
    for stream in Array(streams.values) { stream.checkProgress() }
  }

  // MARK: Flush source

  func writeHeldBack() {
    swap(&waiting, &spare)
    for stream in spare { stream.writeHeldBack() }
    spare.removeAll(keepingCapacity: true)
    flush()
  }

  func wroteHeldBack() { settle() }

  /// Tells streams what happened to them while frames were written. Never inside an owner's write,
  /// which does not expect its own stream or another to end: there it is put off.
  private func settle() {
    guard writeDepth == 0 else { return coalescer.wantsDrain() }
    while !ended.isEmpty {
      let batch = ended
      ended.removeAll()
      for (stream, reason) in batch { stream.close(reason) }
    }
    if !relieved.isEmpty {
      let batch = relieved
      relieved.removeAll()
      for stream in batch { stream.tellWritability() }
    }
    if isParentNews, let context {
      isParentNews = false
      context.fireChannelWritabilityChanged()
    }
  }

  // MARK: Channel handler

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    isWritable = context.channel.isWritable
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    endAll()
  }

  func channelInactive(context: ChannelHandlerContext) {
    guard writeDepth > 0 else {
      endAll()
      context.fireChannelInactive()
      return
    }
    // A write has found out. Handlers are removed in a later tick still.
    context.eventLoop.assumeIsolated().execute {
      self.endAll()
      context.fireChannelInactive()
    }
  }

  private func endAll() {
    for stream in streams.values {
      stream.detach()
      ended.append((stream, nil))
    }
    streams = [:]
    waiting.removeAll()
    isParentNews = false
    settle()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    guard frame.streamID != .rootStream else {
      context.fireChannelRead(data)
      return
    }
    switch frame.payload {
    case .data(let content):
      // The HTTP/2 handler makes byte buffers only.
      guard case .byteBuffer(let bytes) = content.data else { return }
      streams[frame.streamID]?.received(bytes, endStream: content.endStream)
    case .headers(let content):
      guard let stream = streams[frame.streamID] ?? accepted(frame.streamID) else { return }
      stream.received(content.headers, endStream: content.endStream)
    default:
      // Resets come as events too, window updates are the HTTP/2 handler's, priorities mean nothing.
      break
    }
  }

  private func accepted(_ streamID: HTTP2StreamID) -> MessageStream? {
    guard let stream = accept?(streamID) else { return nil }
    streams[streamID] = stream
    stream.attach(to: self, streamID: streamID)
    return stream
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    settle()
    context.fireChannelReadComplete()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case let change as NIOHTTP2WindowUpdatedEvent:
      guard let window = change.inboundWindowSize else { return }
      if change.streamID == .rootStream {
        refillConnection(window: window)
      } else {
        streams[change.streamID]?.inboundWindowChanged(to: window)
      }
    case let end as StreamClosedEvent:
      guard let stream = streams.removeValue(forKey: end.streamID) else { return }
      stream.detach()
      if writeDepth > 0 {
        ended.append((stream, end.reason))
        coalescer.wantsDrain()
      } else {
        stream.close(end.reason)
      }
    case is NIOHTTP2StreamCreatedEvent:
      break
    case let change as NIOHTTP2BulkStreamWindowChangeEvent:
      for stream in streams.values { stream.inboundWindowMoved(by: change.delta) }
    default:
      context.fireUserInboundEventTriggered(event)
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    isWritable = context.channel.isWritable
    for stream in streams.values where stream.writabilityMayHaveChanged() {
      relieved.append(stream)
    }
    isParentNews = true
    settle()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let failure = error as? NIOHTTP2Errors.StreamError else {
      context.fireErrorCaught(error)
      return
    }
    streams[failure.streamID]?.streamFailed(failure.baseError)
    context.fireErrorCaught(failure.baseError)
  }

  /// The streams hold back their own windows, so the connection's is refilled whatever they read.
  private func refillConnection(window: Int) {
    guard let increment = InboundWindow.increment(from: window, target: windowBytes) else { return }
    write(
      HTTP2Frame(streamID: .rootStream, payload: .windowUpdate(windowSizeIncrement: increment)))
    coalescer.wantsDrain()
  }
}

extension StreamMultiplexer: NIOHTTP2FrameDelegate {
  /// A frame has left flow control for the socket. Runs inside the HTTP/2 handler, where nothing may
  /// be written.
  func wroteFrame(_ frame: HTTP2Frame) {
    if frame.streamID != .rootStream { hasSent = true }
    guard case .data(let content) = frame.payload, let stream = streams[frame.streamID] else {
      return
    }
    heldBytes -= content.data.readableBytes
    stream.bytesWritten(content.data.readableBytes)
    if stream.writabilityMayHaveChanged() { relieved.append(stream) }
  }
}

/// When the peer is allowed to send more (RFC 9113, 5.2).
enum InboundWindow {
  /// What to add to a window that stands at `window`: all that is missing once half of it is gone.
  static func increment(from window: Int, target: Int) -> Int? {
    let missing = target - window
    guard missing > 0, missing >= window else { return nil }
    return min(missing, Int(Int32.max))
  }
}
