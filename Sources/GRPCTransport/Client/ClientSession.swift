import Logging
import NIOCore
import NIOHTTP2
import NIOPosix

/// One TCP or socket connection of a ``GRPCClientConnection``, from the attempt to its end: the
/// last handler of its pipeline. Loop-bound.
final class ClientSession: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame
  typealias OutboundOut = HTTP2Frame

  private enum Phase {
    /// Until the server's SETTINGS have come.
    case connecting
    case ready
    /// The server takes no new streams; those there are may finish.
    case draining
    case closed
  }

  private static let keepalivePing = HTTP2PingData(withInteger: 0x6873_6574_7570)

  private let streams: StreamMultiplexer
  /// The connection this belongs to, until the session is closed.
  private var owner: GRPCClientConnection?
  private let eventLoop: any EventLoop
  private let configuration: GRPCClientConfiguration
  private let logger: Logger
  private var phase = Phase.connecting
  private var context: ChannelHandlerContext?
  private var openStreams = 0
  /// The server takes no notice of streams beyond this.
  private var lastAcceptedStreamID = HTTP2StreamID.maxID
  private var streamLimit: Int
  private var failure: (any Error)?
  private var connectTimer: Scheduled<Void>?
  private var keepalive: KeepaliveMonitor?
  private var keepaliveTimer: Scheduled<Void>?

  /// For the owner only; connects nothing yet.
  init(
    owner: GRPCClientConnection, configuration: GRPCClientConfiguration, logger: Logger
  ) {
    self.owner = owner
    eventLoop = owner.eventLoop
    self.configuration = configuration
    self.logger = logger
    streamLimit = configuration.maximumConcurrentStreams
    streams = StreamMultiplexer(
      windowBytes: configuration.windowBytes, firstStreamID: configuration.firstStreamID,
      accept: nil)
  }

  /// Whether the connection below is up, as seen before any of its streams hears otherwise.
  var isConnected: Bool { streams.coalescer.isConnected }
  /// Whether new streams may be opened at all.
  var isUsable: Bool { phase == .ready && isConnected }
  /// Whether a stream that has room may begin. Not while the socket is full: the HTTP/2 handler
  /// would keep the request, and send it even when the call has been cancelled meanwhile.
  private var mayBegin: Bool { isUsable && context?.channel.isWritable == true }
  /// Whether the server's GOAWAY left a stream out, so that it never began.
  func hasLeftOut(_ stream: MessageStream) -> Bool { stream.streamID > lastAcceptedStreamID }
  /// Whether one more stream may be opened now.
  var hasRoom: Bool { openStreams < streamLimit && mayBegin }

  /// Begins the attempt. The owner hears `sessionReady` or `sessionClosed`.
  func connect(to target: GRPCAddress) {
    let shared = NIOLoopBound(self, eventLoop: eventLoop)
    let bootstrap = ClientBootstrap(group: eventLoop)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.writeBufferWaterMark, value: HTTP2Setup.socketWatermarks)
      .connectTimeout(configuration.connectTimeout)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try shared.value.configure(channel, for: target) }
      }
    connectTimer = eventLoop.assumeIsolated().scheduleTask(in: configuration.connectTimeout) {
      self.connectTimedOut()
    }
    let attempt =
      switch target {
      case .tcp(let host, let port): bounded(bootstrap).connect(host: host, port: port)
      case .unixDomainSocket(let path): bootstrap.connect(unixDomainSocketPath: path)
      }
    attempt.assumeIsolated().whenFailure { error in self.closed(error) }
  }

  private func bounded(_ bootstrap: ClientBootstrap) -> ClientBootstrap {
    guard let timeout = configuration.unacknowledgedTimeout else { return bootstrap }
    return bootstrap.channelOption(
      .tcpOption(Self.userTimeout), value: .init(clamping: timeout.nanoseconds / 1_000_000))
  }

  /// TCP_USER_TIMEOUT, in milliseconds.
  private static let userTimeout = NIOBSDSocket.Option(rawValue: 18)

  /// Closes now; open streams end.
  func close() {
    if let context {
      context.close(promise: nil)
    } else {
      closed(nil)
    }
  }

  /// Opens a stream for a call that there is room for.
  func open(_ call: ClientCall) {
    openStreams += 1
    streams.open(call)
    call.begin(on: self)
    if streams.isExhausted { drain(becauseOf: "all stream numbers of the connection are used") }
  }

  /// A stream that was opened here is over.
  func streamClosed() {
    openStreams -= 1
    if phase == .draining, openStreams == 0 { close() }
    owner?.roomFreed(in: self)
  }

  /// Puts the handlers of the session into its channel.
  func configure(_ channel: any Channel, for target: GRPCAddress) throws {
    // Closed while the name was being resolved.
    guard phase == .connecting else { throw ChannelError.ioOnClosedChannel }
    let settings: HTTP2Settings = [
      HTTP2Setting(parameter: .enablePush, value: 0),
      HTTP2Setting(parameter: .initialWindowSize, value: configuration.windowBytes),
      HTTP2Setting(parameter: .maxHeaderListSize, value: configuration.maximumHeaderListBytes),
    ]
    let http2 = NIOHTTP2Handler(
      mode: .client, frameDelegate: streams,
      connectionConfiguration: HTTP2Setup.connection(
        settings: settings, windowBytes: configuration.windowBytes,
        concurrentStreams: configuration.maximumConcurrentStreams, rememberedResets: 8192),
      streamConfiguration: HTTP2Setup.stream())
    let pipeline = channel.pipeline.syncOperations
    if let tls = configuration.tls { try pipeline.addHandlers(tls.handlers(for: target)) }
    try pipeline.addHandler(streams.coalescer)
    try pipeline.addHandler(SettingsCompletion(limit: configuration.maximumConcurrentStreams))
    try pipeline.addHandler(http2)
    try pipeline.addHandler(streams)
    try pipeline.addHandler(self)
  }

  // MARK: Channel handler

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data).payload {
    case .settings(.settings(let settings)):
      for setting in settings where setting.parameter == .maxConcurrentStreams {
        streamLimit = min(setting.value, configuration.maximumConcurrentStreams)
      }
      if phase == .connecting {
        becameReady()
      } else {
        owner?.roomFreed(in: self)
      }
    case .goAway(let last, let reason, _):
      lastAcceptedStreamID = min(lastAcceptedStreamID, last)
      drain(becauseOf: "the server sent GOAWAY (code \(reason.networkCode))")
    default:
      break
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    keepalive?.received(now: .now())
    context.fireChannelReadComplete()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { owner?.roomFreed(in: self) }
    context.fireChannelWritabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) {
    closed(nil)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    logger.debug("connection error", metadata: ["error": "\(error)"])
    switch HTTP2Setup.severity(of: error) {
    case .stream:
      break
    case .drain:
      drain(becauseOf: "HTTP/2 error: \(error)")
    case .connection:
      failure = failure ?? error
      context.close(promise: nil)
    }
  }

  // MARK: Phases

  private func becameReady() {
    // The server may have been refused already, by the check of its certificate.
    guard failure == nil else { return }
    phase = .ready
    connectTimer?.cancel()
    if let keepalive = configuration.keepalive {
      self.keepalive = KeepaliveMonitor(keepalive, now: .now())
      armKeepaliveTimer(in: keepalive.interval)
    }
    owner?.sessionReady(self)
  }

  private func drain(becauseOf reason: String) {
    switch phase {
    case .ready:
      phase = .draining
      owner?.sessionLost(self, reason: reason)
      if openStreams == 0 { close() }
    case .connecting:
      close()
    case .draining, .closed:
      break
    }
  }

  private func connectTimedOut() {
    guard phase == .connecting else { return }
    failure = ChannelError.connectTimeout(configuration.connectTimeout)
    close()
  }

  private func closed(_ error: (any Error)?) {
    guard phase != .closed else { return }
    let wasDraining = phase == .draining
    phase = .closed
    connectTimer?.cancel()
    keepaliveTimer?.cancel()
    let cause = error ?? failure
    if !wasDraining {
      owner?.sessionLost(
        self, reason: cause.map(ConnectionFailure.text) ?? "the server closed the connection")
    }
    owner?.sessionEnded(self)
    owner = nil
  }

  private func armKeepaliveTimer(in delay: TimeAmount) {
    keepaliveTimer = eventLoop.assumeIsolated().scheduleTask(in: delay) {
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
      let frame = HTTP2Frame(
        streamID: .rootStream, payload: .ping(Self.keepalivePing, ack: false))
      context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
      armKeepaliveTimer(in: delay)
    case .giveUp:
      logger.info("closing a connection whose server answers no PING")
      context.close(promise: nil)
    }
  }
}
