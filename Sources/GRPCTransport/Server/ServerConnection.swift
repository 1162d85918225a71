import Logging
import NIOCore
import NIOHTTP2

/// Asks a server connection to finish: GOAWAY now, close after the last call.
struct ConnectionShouldDrain: Sendable {}

/// The end of a server connection's pipeline: counts its calls, closes it when idle, silent, broken
/// or drained. Loop-bound.
final class ServerConnection: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  private enum Phase {
    case serving
    /// GOAWAY is sent, and a PING behind it whose answer says that the client has seen it: until
    /// then streams may arrive that were opened before. The library refuses those with
    /// REFUSED_STREAM, and the client knows that they may be repeated.
    case announced
    /// The client knows; closing waits for the last call.
    case draining
    case closing
  }

  /// How long a client that is refused has to take the reason.
  private static let farewellTime = TimeAmount.seconds(2)
  private static let goAwayPing = HTTP2PingData(withInteger: 0x676f_6177_6179)
  private static let keepalivePing = HTTP2PingData(withInteger: 0x616c_6976_653f)

  /// The settings of the server.
  let configuration: GRPCServerConfiguration
  /// Finds the handlers of calls.
  let router: any GRPCServerRouter
  /// Answers what is no gRPC; without it, such requests are refused.
  let http: (any HTTPServerRouter)?
  /// The deadlines of all calls of this connection.
  let deadlines: DeadlineQueue
  /// For what operators of the server may ask about.
  let logger: Logger
  /// The streams of this connection; unset when it is over.
  var streams: StreamMultiplexer?
  /// The other end; known from the time the handler is in its pipeline.
  private(set) var peer = ConnectionPeer()
  private var context: ChannelHandlerContext?
  private var phase = Phase.serving
  /// Whether the client's settings have come, which ends the handshake.
  private var hasHeardClient = false
  private var openCalls = 0
  private var idleSince = NIODeadline.now()
  private var handshakeTimer: Scheduled<Void>?
  private var idleTimer: Scheduled<Void>?
  private var keepalive: KeepaliveMonitor?
  private var keepaliveTimer: Scheduled<Void>?
  private var progressTimer: Scheduled<Void>?
  private var pings: PingGuard
  private var resets = ResetGuard()
  private var farewellTimer: Scheduled<Void>?
  private var output = OutputWatch()

  /// Begins with no call and no timer; the timers start in the pipeline.
  init(
    eventLoop: any EventLoop, configuration: GRPCServerConfiguration,
    router: any GRPCServerRouter, http: (any HTTPServerRouter)?, logger: Logger
  ) {
    self.configuration = configuration
    self.router = router
    self.http = http
    self.logger = logger
    deadlines = DeadlineQueue(eventLoop: eventLoop)
    pings = PingGuard(minimumInterval: configuration.minimumPingInterval)
    keepalive = configuration.keepalive.map { KeepaliveMonitor($0, now: .now()) }
  }

  /// A stream has begun.
  func callOpened() {
    openCalls += 1
    resets.callOpened()
  }

  /// The client has cancelled a call that was not answered yet.
  func callCancelled(opened: NIODeadline) {
    guard phase != .closing, !resets.callCancelled(opened: opened, now: .now()) else { return }
    refuse("too_many_cancelled_calls")
  }

  /// A stream is over; exactly once for each ``callOpened()``.
  func callClosed() {
    openCalls -= 1
    guard openCalls == 0 else { return }
    idleSince = .now()
    if phase == .draining { finish() }
  }

  /// An answer is complete.
  func answered() {
    guard phase != .closing, let streams, let context else { return }
    var unread = streams.heldBytes
    if !streams.isWritable { unread += Self.queuedBytes(context) }
    if unread > configuration.maximumUnreadBytes { refuse("too_many_unread_answers") }
  }

  private static func queuedBytes(_ context: ChannelHandlerContext) -> Int {
    (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    peer = ConnectionPeer(of: context.channel)
    handshakeTimer = context.eventLoop.assumeIsolated().scheduleTask(
      in: configuration.handshakeTimeout
    ) {
      self.context?.close(promise: nil)
    }
    armIdleTimer(in: configuration.connectionIdleTimeout)
    armProgressTimer()
    if let keepalive { armKeepaliveTimer(in: keepalive.configuration.interval) }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    streams = nil
    stopTimers()
  }

  func channelInactive(context: ChannelHandlerContext) {
    phase = .closing
    stopTimers()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if !hasHeardClient {
      hasHeardClient = true
      handshakeTimer?.cancel()
    }
    guard case .ping(let data, let isAnswer) = unwrapInboundIn(data).payload else { return }
    if !isAnswer {
      receivedPing()
    } else if data == Self.goAwayPing, phase == .announced {
      phase = .draining
      if openCalls == 0 { finish() }
    }
  }

  private func receivedPing() {
    let hasSent = streams?.hasSent ?? false
    streams?.hasSent = false
    guard phase != .closing, !pings.received(now: .now(), hasSent: hasSent) else { return }
    refuse("too_many_pings")
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    keepalive?.received(now: .now())
    context.fireChannelReadComplete()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is ConnectionShouldDrain {
      drain()
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    logger.debug(
      "connection error", metadata: ["peer": "\(peer.address)", "error": "\(error)"])
    switch HTTP2Setup.severity(of: error) {
    case .stream: break
    case .drain: drain()
    case .connection: context.close(promise: nil)
    }
  }

  private func drain() {
    guard phase == .serving, let context else { return }
    guard hasHeardClient else { return context.close(promise: nil) }
    phase = .announced
    write(.goAway(lastStreamID: .maxID, errorCode: .noError, opaqueData: nil), context)
    write(.ping(Self.goAwayPing, ack: false), context)
    context.flush()
  }

  /// Closes once everything is with the kernel: closing alone would drop what the socket still
  /// queues.
  private func finish() { close(.noError) }

  /// Closes the connection of a client that harms, and tells it why.
  private func refuse(_ reason: String) {
    logger.info(
      "closing a connection: \(reason)", metadata: ["peer": "\(peer.address)"])
    close(.enhanceYourCalm, reason: reason)
  }

  private func close(_ code: HTTP2ErrorCode, reason: String? = nil) {
    guard phase != .closing, let context else { return }
    phase = .closing
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
    let goAway = HTTP2Frame(
      streamID: .rootStream,
      payload: .goAway(
        lastStreamID: .maxID, errorCode: code,
        opaqueData: reason.map { ByteBuffer(string: $0) }))
    guard reason != nil, let streams else {
      return context.writeAndFlush(wrapOutboundOut(goAway), promise: written)
    }
    // Who is refused may be in the middle of a call of the multiplexer's, and may read nothing.
    streams.write(goAway, promise: written)
    streams.flush()
    farewellTimer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.farewellTime) {
      self.context?.close(promise: nil)
    }
  }

  private func write(_ payload: HTTP2Frame.FramePayload, _ context: ChannelHandlerContext) {
    let frame = HTTP2Frame(streamID: .rootStream, payload: payload)
    context.write(wrapOutboundOut(frame), promise: nil)
  }

  private func armIdleTimer(in delay: TimeAmount) {
    idleTimer = context?.eventLoop.assumeIsolated().scheduleTask(in: delay) {
      self.idleTimerFired()
    }
  }

  private func idleTimerFired() {
    let idle = openCalls == 0 ? NIODeadline.now() - idleSince : .zero
    if idle >= configuration.connectionIdleTimeout {
      drain()
    } else {
      armIdleTimer(in: configuration.connectionIdleTimeout - idle)
    }
  }

  private func armKeepaliveTimer(in delay: TimeAmount) {
    keepaliveTimer = context?.eventLoop.assumeIsolated().scheduleTask(in: delay) {
      self.keepaliveTimerFired()
    }
  }

  private func keepaliveTimerFired() {
    guard let context else { return }
    switch keepalive?.timerFired(now: .now()) {
    case nil:
      break
    case .wait(let delay):
      armKeepaliveTimer(in: delay)
    case .ping(let delay):
      write(.ping(Self.keepalivePing, ack: false), context)
      context.flush()
      armKeepaliveTimer(in: delay)
    case .giveUp:
      logger.info(
        "closing a connection that answers no PING", metadata: ["peer": "\(peer.address)"])
      context.close(promise: nil)
    }
  }

  private func armProgressTimer() {
    progressTimer = context?.eventLoop.assumeIsolated().scheduleTask(
      in: configuration.stallTimeout
    ) { self.progressTimerFired() }
  }

  private func progressTimerFired() {
    guard let context, let streams else { return }
    if output.isStuck(
      written: streams.coalescer.writtenBytes, queued: Self.queuedBytes(context))
    {
      logger.info(
        "closing a connection whose client reads nothing", metadata: ["peer": "\(peer.address)"])
      return context.close(promise: nil)
    }
    streams.checkProgress()
    armProgressTimer()
  }

  private func stopTimers() {
    progressTimer?.cancel()
    handshakeTimer?.cancel()
    idleTimer?.cancel()
    farewellTimer?.cancel()
    keepaliveTimer?.cancel()
    deadlines.close()
  }
}
