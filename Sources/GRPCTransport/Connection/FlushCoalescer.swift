import NIOCore

/// What a connection's ``FlushCoalescer`` asks for the frames that wait for a flush.
protocol FlushSource: AnyObject {
  /// Writes what is held back and flushes it as far as the HTTP/2 handler.
  func writeHeldBack()
  /// The bytes are with the socket; follow-up work that must not run inside a write may run now.
  func wroteHeldBack()
}

/// Turns many flushes into one system call. First handler of every connection.
///
/// While bytes that were read are being handled, flushes wait for the end of the read cycle.
/// Flushes and messages from elsewhere (another connection of the loop, a commit that came back)
/// wait for the end of the loop's current tick. Closing flushes first. Who has collected a group
/// large enough to pay for a system call flushes it at once with ``flushGroup()``, so that the peer
/// works on it while this side goes on.
///
/// Invariant: while this handler is in a pipeline, its source is too.
final class FlushCoalescer: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = IOData
  typealias OutboundOut = IOData

  /// Whether the connection is up. First in the pipeline, this handler knows before all streams.
  private(set) var isConnected = true
  /// Bytes handed to the socket, or to TLS before it, since the beginning.
  private(set) var writtenBytes = 0
  private unowned let source: any FlushSource
  private var context: ChannelHandlerContext?
  private var isReading = false
  private var isDraining = false
  private var isSourceWaiting = false
  private var isFlushWanted = false
  private var isTickScheduled = false

  /// `source` holds frames back between ``wantsDrain()`` and the next ``drain()``.
  init(source: any FlushSource) { self.source = source }

  /// Drains soon: at the end of the read cycle or tick.
  func wantsDrain() {
    isSourceWaiting = true
    if !isReading { scheduleTick() }
  }

  /// Writes and flushes everything now, in the middle of somebody's write: the source hears only of
  /// the end of a later ``drain()``, which is on its way.
  func flushGroup() {
    guard !isDraining, let context else { return }
    isDraining = true
    writeAll(context)
    isDraining = false
  }

  /// Writes and flushes everything now.
  private func drain() {
    guard !isDraining, let context else { return }
    isDraining = true
    if isSourceWaiting {
      isSourceWaiting = false
      writeAll(context)
      source.wroteHeldBack()
    } else if isFlushWanted {
      flushSocket(context)
    }
    isDraining = false
    // A stream that became writable meanwhile may have more: next tick, so that one connection does
    // not keep the loop.
    if isSourceWaiting || isFlushWanted { scheduleTick() }
  }

  private func writeAll(_ context: ChannelHandlerContext) {
    source.writeHeldBack()
    if isFlushWanted { flushSocket(context) }
  }

  private func flushSocket(_ context: ChannelHandlerContext) {
    isFlushWanted = false
    context.flush()
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelInactive(context: ChannelHandlerContext) {
    isConnected = false
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    isReading = true
    context.fireChannelRead(data)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    context.fireChannelReadComplete()
    isReading = false
    drain()
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .byteBuffer(let bytes) = unwrapOutboundIn(data) { writtenBytes += bytes.readableBytes }
    context.write(data, promise: promise)
  }

  func flush(context: ChannelHandlerContext) {
    isFlushWanted = true
    if !isReading && !isDraining { scheduleTick() }
  }

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    if isFlushWanted { flushSocket(context) }
    context.close(mode: mode, promise: promise)
  }

  private func scheduleTick() {
    guard !isTickScheduled, let context else { return }
    isTickScheduled = true
    context.eventLoop.assumeIsolated().execute {
      self.isTickScheduled = false
      if !self.isReading { self.drain() }
    }
  }
}
