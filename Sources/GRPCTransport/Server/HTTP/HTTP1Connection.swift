import DequeModule
import NIOCore
import NIOHTTP1

/// The end of the pipeline of a connection that speaks HTTP/1: one request after the other, each with its
/// timeouts. Loop-bound.
///
/// While a request is answered nothing is read, and the next one is begun only when the client has taken
/// enough of the answer: a client that sends without reading is held back by TCP.
final class HTTP1Connection: ChannelDuplexHandler, DeadlineHolder {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private enum Phase {
    /// Nothing of a request has come.
    case idle
    case head
    case body
    case serving
    /// The last response is written. What the client still sends is thrown away for a short while: closing
    /// with something unread would cost it the response.
    case lingering
    case closed
  }

  private enum Arrival {
    case part(HTTPServerRequestPart)
    /// Nothing can be made of what comes here.
    case broken(HTTPRefusal)
  }

  private static let lingerTime = TimeAmount.seconds(2)

  private let configuration: GRPCServerConfiguration
  private let router: any HTTPServerRouter
  private let deadlines: DeadlineQueue
  private var reader: HTTP1RequestReader
  /// The other end; known from the time the handler is in its pipeline.
  private(set) var peer = ConnectionPeer()
  private var context: ChannelHandlerContext?
  private var phase = Phase.head
  private var exchange: HTTP1Exchange?
  /// What came while a request was answered: at most one read from the socket.
  private var arrivals: Deque<Arrival> = []
  private var isAdvancing = false
  private var isReadWanted = false
  private var isWriting = false
  /// Whether the exchange's handler is still to be told of a change.
  private var isWritabilityNews = false
  private var bufferedBytesSeen = 0
  /// Bytes that came and of which the parser made nothing yet.
  private(set) var unparsedBytes = 0
  private(set) var isDraining = false
  /// Whether the socket takes more.
  private(set) var isWritable = true
  /// Kept by the deadline queue.
  var deadlineSlot = -1

  init(
    eventLoop: any EventLoop, configuration: GRPCServerConfiguration, router: any HTTPServerRouter
  ) {
    self.configuration = configuration
    self.router = router
    deadlines = DeadlineQueue(eventLoop: eventLoop)
    reader = HTTP1RequestReader(
      maximumHeadBytes: configuration.maximumHeaderListBytes,
      maximumMessageBytes: configuration.maximumMessageBytes)
  }

  /// Whether nothing the client sends matters any more.
  var isOver: Bool { phase == .lingering || phase == .closed }

  // MARK: Requests

  /// Told before the parser gets the bytes.
  func bytesArrived(_ count: Int) {
    unparsedBytes += count
    switch phase {
    case .idle: enter(.head)
    case .body: enter(.body)
    case .head, .serving, .lingering, .closed: break
    }
  }

  /// Answers this in place of the next request.
  func refuseNext(_ refusal: HTTPRefusal) {
    guard !isOver else { return }
    arrivals.append(.broken(refusal))
    advance()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    unparsedBytes = 0
    guard !isOver else { return }
    arrivals.append(.part(unwrapInboundIn(data)))
    advance()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case HTTPParserError.headerOverflow:
      refuseNext(.headTooLarge(limit: configuration.maximumHeaderListBytes))
    case HTTPParserError.invalidVersion:
      refuseNext(HTTPRefusal(status: 505, text: "this port speaks HTTP/1.1, HTTP/2 and gRPC"))
    case is HTTPParserError:
      refuseNext(HTTPRefusal(status: 400, text: "the request is not HTTP by the letter"))
    default:
      context.close(promise: nil)
    }
  }

  private func advance() {
    guard !isAdvancing else { return }
    isAdvancing = true
    while takesRequests, let next = arrivals.popFirst() { handle(next) }
    isAdvancing = false
    if isReadWanted, takesBytes {
      isReadWanted = false
      context?.read()
    }
  }

  private var takesRequests: Bool {
    switch phase {
    case .idle, .head, .body: exchange == nil && isWritable
    case .serving, .lingering, .closed: false
    }
  }

  private var takesBytes: Bool { phase == .lingering || (takesRequests && arrivals.isEmpty) }

  func read(context: ChannelHandlerContext) {
    if takesBytes { context.read() } else { isReadWanted = true }
  }

  private func handle(_ arrival: Arrival) {
    switch arrival {
    case .broken(let refusal): refuse(refusal)
    case .part(let part):
      switch reader.read(part) {
      case .more: enter(.body)
      case .proceed:
        enter(.body)
        write(.head(HTTPResponseHead(version: .http1_1, status: .continue)))
        flush()
      case .complete(let request): serve(request)
      case .refuse(let refusal): refuse(refusal)
      }
    }
  }

  private func serve(_ request: HTTP1Request) {
    guard let context else { return }
    enter(.serving)
    let exchange = HTTP1Exchange(request, connection: self, eventLoop: context.eventLoop)
    self.exchange = exchange
    let handler = router.handle(request.request, on: exchange)
    if self.exchange === exchange {
      exchange.handler = handler
    } else if exchange.isLost {
      // A write of the router's own has found out, when there was nobody yet to be told.
      handler?.cancelled()
    }
  }

  private func refuse(_ refusal: HTTPRefusal) {
    guard let context else { return }
    enter(.serving)
    let exchange = HTTP1Exchange(refusingAt: self, eventLoop: context.eventLoop)
    self.exchange = exchange
    let answer = refusal.answer
    exchange.respond(answer.start, body: answer.body)
  }

  // MARK: Responses

  func write(_ part: HTTPServerResponsePart) {
    isWriting = true
    context?.write(wrapOutboundOut(part), promise: nil)
    isWriting = false
  }

  func flush() {
    isWriting = true
    context?.flush()
    isWriting = false
  }

  /// The exchange has written all of its response.
  func responseEnded(keepsAlive: Bool) {
    guard phase == .serving else { return }
    exchange = nil
    write(.end(nil))
    flush()
    guard keepsAlive, !isDraining else { return linger() }
    enter(.idle)
    advance()
  }

  /// Ends the connection without the end of the response.
  func abort() {
    exchange = nil
    linger()
  }

  /// Closes this side once all is written, and everything when the client has closed its own.
  private func linger() {
    guard let context, !isOver else { return }
    arrivals.removeAll()
    enter(.lingering)
    let closed = context.eventLoop.makePromise(of: Void.self)
    closed.futureResult.assumeIsolated().whenComplete { _ in
      // The short while begins when the response is out: a slow reader may first have much to read.
      if self.phase == .lingering { self.enter(.lingering) }
    }
    context.close(mode: .output, promise: closed)
    advance()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    isWritable = context.channel.isWritable
    if !isWriting {
      tellWritability()
    } else if !isWritabilityNews {
      // Nobody expects to be told something in the middle of a write of its own.
      isWritabilityNews = true
      context.eventLoop.assumeIsolated().execute {
        self.isWritabilityNews = false
        self.tellWritability()
      }
    }
    context.fireChannelWritabilityChanged()
  }

  private func tellWritability() {
    exchange?.handler?.writabilityChanged(isWritable)
    advance()
  }

  // MARK: Life

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    peer = ConnectionPeer(of: context.channel)
    isWritable = context.channel.isWritable
    enter(.head)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    release()
  }

  func channelInactive(context: ChannelHandlerContext) {
    release()
    context.fireChannelInactive()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard event is ConnectionShouldDrain else {
      return context.fireUserInboundEventTriggered(event)
    }
    isDraining = true
    if phase == .idle { linger() }
  }

  private func release() {
    phase = .closed
    deadlines.remove(self)
    deadlines.close()
    arrivals.removeAll()
    let lost = exchange
    exchange = nil
    lost?.lost()
  }

  // MARK: Timeouts

  private func enter(_ phase: Phase) {
    self.phase = phase
    let timeout: TimeAmount
    switch phase {
    case .idle: timeout = configuration.http1IdleTimeout
    case .head: timeout = configuration.handshakeTimeout
    // How long an answer takes is not for the connection to say; only that the client takes it.
    case .body, .serving: timeout = configuration.stallTimeout
    case .lingering: timeout = Self.lingerTime
    case .closed: return
    }
    bufferedBytesSeen = 0
    deadlines.remove(self)
    deadlines.insert(self, deadline: .now() + timeout)
  }

  func deadlinePassed() {
    let buffered = bufferedBytes
    let isMoving = buffered != bufferedBytesSeen
    bufferedBytesSeen = buffered
    switch phase {
    case .head where isWritable, .body where isWritable:
      refuseNext(.timeout)
    case .serving where buffered == 0 || isMoving, .idle where isMoving, .lingering where isMoving:
      deadlines.insert(self, deadline: .now() + configuration.stallTimeout)
    case .serving, .idle, .lingering, .head, .body:
      context?.close(promise: nil)
    case .closed:
      break
    }
  }

  /// Bytes of responses that the socket has not taken yet.
  private var bufferedBytes: Int {
    (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
  }
}
