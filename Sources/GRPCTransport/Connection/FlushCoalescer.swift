import NIOCore

/// A stream that holds back small messages until its connection flushes.
protocol CoalescedStream: AnyObject {
  /// Writes and flushes what is held back.
  func flushBatch()
}

/// Turns many flushes into one system call. First handler of every connection.
///
/// While bytes that were read are being handled, flushes wait for the end of the read cycle.
/// Flushes and messages from elsewhere (another connection of the loop, a commit that came back)
/// wait for the end of the loop's current tick. Closing flushes first.
final class FlushCoalescer: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = IOData
  typealias OutboundOut = IOData

  /// Whether the connection is up. First in the pipeline, this handler knows before all streams.
  private(set) var isConnected = true
  private var context: ChannelHandlerContext?
  private var isReading = false
  private var isDraining = false
  private var isFlushWanted = false
  private var isTickScheduled = false
  private var streams: [any CoalescedStream] = []
  /// Swapped with `streams` while draining, so that neither array is allocated again.
  private var spare: [any CoalescedStream] = []

  /// Calls the stream's ``CoalescedStream/flushBatch()`` soon, once.
  func wantsFlush(_ stream: any CoalescedStream) {
    streams.append(stream)
    if !isReading { scheduleTick() }
  }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    streams.removeAll()
  }

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

  func flush(context: ChannelHandlerContext) {
    isFlushWanted = true
    if !isReading && !isDraining { scheduleTick() }
  }

  func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
    if isFlushWanted {
      isFlushWanted = false
      context.flush()
    }
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

  private func drain() {
    if !streams.isEmpty {
      isDraining = true
      swap(&streams, &spare)
      for stream in spare { stream.flushBatch() }
      spare.removeAll(keepingCapacity: true)
      isDraining = false
    }
    if isFlushWanted, let context {
      isFlushWanted = false
      context.flush()
    }
    // A stream that became writable while the others were written may have more: next tick, so that
    // one connection does not keep the loop.
    if !streams.isEmpty { scheduleTick() }
  }
}
