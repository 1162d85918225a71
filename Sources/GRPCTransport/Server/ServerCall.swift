import Logging
import NIOCore
import NIOHPACK
import NIOHTTP2

/// One call on the server: a stream that a client has opened. Loop-bound.
final class ServerCall: MessageStream, GRPCServerCall, DeadlineHolder {
  private enum Phase {
    /// No headers yet.
    case idle
    /// The service's handler owns the call.
    case open
    /// Answered, but the client has not ended its side. What it still sends is thrown away for a
    /// short while; a reset at once would cost clients that are just about to end a reset frame
    /// each, and some count those.
    case lingering
    case finished
  }

  private static let lingerTime = TimeAmount.seconds(2)
  private static let lingerBytes = 256 * 1024

  private let connection: ServerConnection
  private var phase = Phase.idle
  private var handler: (any GRPCServerCallHandler)?
  /// The plain HTTP request that the stream carries instead of a call.
  private var exchange: HTTP2Exchange?
  private var requestHeaders = HPACKHeaders()
  private var areHeadersSent = false
  private var failure: GRPCStatus?
  private var discardedBytes = 0
  private let openedAt = NIODeadline.now()
  /// Kept by the deadline queue.
  var deadlineSlot = -1

  private(set) var path = ""
  private(set) var deadline: NIODeadline?
  private(set) lazy var metadata = GRPCMetadata(requestHeaders.withoutPseudoHeaders())

  /// For a stream whose headers have not come yet.
  init(connection: ServerConnection, eventLoop: any EventLoop) {
    self.connection = connection
    super.init(
      eventLoop: eventLoop,
      maximumMessageBytes: connection.configuration.maximumMessageBytes,
      windowBytes: connection.configuration.windowBytes)
    connection.callOpened()
  }

  var isWritable: Bool { isOpen && isChannelWritable }
  var peer: ConnectionPeer { connection.peer }

  // MARK: From the service

  func sendHeaders(_ metadata: GRPCMetadata) {
    eventLoop.assertInEventLoop()
    guard isOpen, !areHeadersSent else { return }
    areHeadersSent = true
    writeHeaders(
      HeaderBlocks.response(compressed: compressesOutbound, metadata: metadata), endStream: false)
  }

  func send(_ message: ByteBuffer) {
    eventLoop.assertInEventLoop()
    guard isOpen else { return }
    if !areHeadersSent { sendHeaders(GRPCMetadata()) }
    writeMessage(message)
  }

  func finish(_ status: GRPCStatus, trailers: GRPCMetadata) {
    eventLoop.assertInEventLoop()
    guard isOpen else { return }
    guard !isRemoteEnded else { return close(status, trailers: trailers) }
    let written = eventLoop.makePromise(of: Void.self)
    close(status, trailers: trailers, promise: written)
    guard isAttached else { return }
    phase = .lingering
    setReading(true)
    // The short while begins when the trailers are out: a slow reader may first have much to read.
    written.futureResult.assumeIsolated().whenSuccess {
      guard self.phase == .lingering else { return }
      self.connection.deadlines.insert(self, deadline: .now() + Self.lingerTime)
    }
  }

  // MARK: From the stream

  override func receivedHeaders(_ headers: HPACKHeaders) {
    guard phase == .idle else {
      // Trailers of a request mean nothing here; as an end they count.
      guard isRemoteEnded else { return }
      if let exchange { exchange.complete() } else { endedByClient() }
      return
    }
    requestHeaders = headers
    do throws(RequestHeaders.Refusal) {
      open(try RequestHeaders(headers))
    } catch {
      switch error {
      case .http(let status, let allow):
        if let http = connection.http, !isGRPCContentType(headers.first(name: "content-type") ?? "")
        {
          return openExchange(http)
        }
        refuse(HeaderBlocks.refusal(httpStatus: status, allow: allow))
      case .grpc(let status):
        refuse(HeaderBlocks.refusal(status))
      }
    }
  }

  /// Answers a request no handler sees.
  private func refuse(_ answer: HPACKHeaders) {
    phase = .finished
    writeHeaders(answer, endStream: true)
    if !isRemoteEnded { writeReset(.noError) }
  }

  private func open(_ request: RequestHeaders) {
    phase = .open
    isOpen = true
    path = request.path
    inboundEncoding = request.encoding
    compressesOutbound = request.encoding == .gzip && request.acceptsGzip
    if let timeout = request.timeout {
      let deadline = NIODeadline.now() + timeout
      self.deadline = deadline
      connection.deadlines.insert(self, deadline: deadline)
    }
    guard let handler = connection.router.handler(for: self) else {
      return finish(.unknownMethod(path))
    }
    // The router may have answered already, for example to refuse the caller.
    guard isOpen else { return }
    self.handler = handler
    if isRemoteEnded { deliver() }
  }

  /// Serves what is no gRPC as plain HTTP.
  private func openExchange(_ router: any HTTPServerRouter) {
    phase = .open
    isOpen = true
    carriesPlainBytes = true
    let exchange = HTTP2Exchange(
      stream: self, headers: requestHeaders, router: router,
      maximumMessageBytes: connection.configuration.maximumMessageBytes)
    self.exchange = exchange
    if !isRemoteEnded { expectBody() }
    exchange.started(isLast: isRemoteEnded)
  }

  private func expectBody() {
    connection.deadlines.remove(self)
    connection.deadlines.insert(
      self, deadline: .now() + connection.configuration.stallTimeout)
  }

  override func receivedBytes(_ bytes: ByteBuffer) {
    if !isRemoteEnded { expectBody() }
    exchange?.received(bytes, isLast: isRemoteEnded)
  }

  override func receivedMessage(_ message: ByteBuffer) { handler?.receive(message) }

  override func receivedLastMessage() { handler?.receiveEnd() }

  override func messagesBroken(_ status: GRPCStatus) { abort(status) }

  override func messageStalled() {
    abort(
      GRPCStatus(.deadlineExceeded, "the message that was begun did not come to its end in time"))
  }

  override func answerStalled() {
    connection.logger.debug(
      "a client takes nothing of its answer",
      metadata: ["peer": "\(connection.peer.address)", "path": "\(path)"])
    closeStream()
  }

  override func writabilityMoved(_ isWritable: Bool) {
    handler?.writabilityChanged(isWritable)
    exchange?.writabilityChanged(isWritable)
  }

  override func discarded(bytes: Int) {
    guard phase == .lingering else { return }
    if isRemoteEnded { return endedByClient() }
    // Some clients take a reset in the middle of an upload for a failure, though they have the answer.
    guard !carriesPlainBytes else { return }
    discardedBytes += bytes
    if discardedBytes > Self.lingerBytes { resetLingering() }
  }

  override func streamFailed(_ error: any Error) {
    if let reset = error as? NIOHTTP2Errors.StreamClosed {
      failure = .fromReset(reset.errorCode)
    } else {
      failure = GRPCStatus(.internalError, "HTTP/2 error on the stream: \(error)")
      closeStream()
    }
  }

  override func streamClosed() {
    let lost = handler
    let lostExchange = exchange
    let wasOpen = isOpen
    phase = .finished
    isOpen = false
    handler = nil
    exchange = nil
    connection.deadlines.remove(self)
    discardReceived()
    lostExchange?.lost()
    if wasOpen { lost?.cancelled(failure ?? GRPCStatus(.unavailable, "the connection was lost")) }
    if wasOpen, failure != nil { connection.callCancelled(opened: openedAt) }
    connection.callClosed()
  }

  // MARK: Ends

  func deadlinePassed() {
    if phase == .lingering {
      resetLingering()
    } else if let exchange {
      exchange.timedOut()
    } else {
      abort(GRPCStatus(.deadlineExceeded, "the deadline of the call has passed"))
    }
  }

  /// The exchange has all of its request.
  func bodyCompleted() { connection.deadlines.remove(self) }

  /// The exchange has written all of its response. A client that is still sending its request gets the time
  /// to read why it is refused.
  func exchangeEnded() {
    endExchange()
    guard !isRemoteEnded, isAttached else { return }
    phase = .lingering
    connection.deadlines.insert(self, deadline: .now() + Self.lingerTime)
  }

  /// The exchange breaks its response off.
  func exchangeAborted() {
    endExchange()
    writeReset(.internalError)
  }

  private func endExchange() {
    phase = .finished
    isOpen = false
    exchange = nil
    connection.deadlines.remove(self)
    connection.answered()
  }

  /// Ends the call in place of its handler, which is told, and stops the client.
  private func abort(_ status: GRPCStatus) {
    guard isOpen else { return }
    let stopped = handler
    close(status, trailers: GRPCMetadata())
    if !isRemoteEnded { writeReset(.noError) }
    stopped?.cancelled(status)
  }

  private func close(
    _ status: GRPCStatus, trailers: GRPCMetadata, promise: EventLoopPromise<Void>? = nil
  ) {
    phase = .finished
    isOpen = false
    handler = nil
    connection.deadlines.remove(self)
    discardReceived()
    writeHeaders(
      HeaderBlocks.trailers(status, metadata: trailers, isOnly: !areHeadersSent), endStream: true,
      promise: promise)
    areHeadersSent = true
    connection.answered()
  }

  private func endedByClient() {
    guard phase == .lingering else { return deliver() }
    phase = .finished
    connection.deadlines.remove(self)
  }

  private func resetLingering() {
    guard phase == .lingering else { return }
    phase = .finished
    connection.deadlines.remove(self)
    writeReset(.noError)
  }
}
