import NIOCore

/// One call that came as a gRPC-Web request, with all of its messages in one body. Loop-bound to its exchange.
final class GRPCWebCall: GRPCServerCall {
  let path: String
  let metadata: GRPCMetadata
  let deadline: NIODeadline?

  private let exchange: any HTTPServerExchange
  private let response: GRPCWebResponse
  private let encoding: MessageEncoding
  private let timeout: TimeAmount?
  private var decoder: MessageDecoder
  /// The body of the request, until somebody reads the call: whoever may not make it costs no decoding.
  private var body: (bytes: ByteBuffer, format: GRPCWebFormat)?
  private var handler: (any GRPCServerCallHandler)?
  private var timer: Scheduled<Void>?
  private var isReading = true
  private var isResumeScheduled = false
  private var isDelivering = false
  private var isEndDelivered = false
  private var isOver = false

  /// - Parameter format: of the response.
  init(
    _ request: RequestHeaders, metadata: GRPCMetadata, maximumMessageBytes: Int,
    exchange: any HTTPServerExchange, format: GRPCWebFormat
  ) {
    path = request.path
    self.metadata = metadata
    timeout = request.timeout
    deadline = request.timeout.map { NIODeadline.now() + $0 }
    encoding = request.encoding
    decoder = MessageDecoder(maximumMessageBytes: maximumMessageBytes)
    self.exchange = exchange
    response = GRPCWebResponse(
      exchange: exchange, format: format,
      isCompressing: request.encoding == .gzip && request.acceptsGzip)
  }

  var eventLoop: any EventLoop { exchange.eventLoop }
  var peer: ConnectionPeer { exchange.peer }
  var isWritable: Bool { !isOver && exchange.isWritable }

  /// Hands the messages in a body to who serves the method.
  ///
  /// - Parameter format: of the request.
  /// - Returns: who is told what happens to the exchange; `nil` when the response is over.
  func start(
    _ router: any GRPCServerRouter, body: ByteBuffer, format: GRPCWebFormat
  ) -> (any HTTPServerExchangeHandler)? {
    guard let handler = router.handler(for: self) else {
      finish(.unknownMethod(path))
      return nil
    }
    // The router may have answered already, for example to refuse the caller.
    guard !isOver else { return nil }
    self.handler = handler
    if let timeout {
      timer = eventLoop.assumeIsolated().scheduleTask(in: timeout) {
        self.abort(GRPCStatus(.deadlineExceeded, "the deadline of the call has passed"))
      }
    }
    self.body = (body, format)
    deliver()
    return isOver ? nil : self
  }

  // MARK: From the handler

  func sendHeaders(_ metadata: GRPCMetadata) {
    eventLoop.assertInEventLoop()
    if !isOver { response.sendHeaders(metadata) }
  }

  func send(_ message: ByteBuffer) {
    eventLoop.assertInEventLoop()
    if !isOver { response.send(message) }
  }

  func finish(_ status: GRPCStatus, trailers: GRPCMetadata) {
    eventLoop.assertInEventLoop()
    guard !isOver else { return }
    release()
    response.finish(status, trailers: trailers)
  }

  func setReading(_ reading: Bool) {
    eventLoop.assertInEventLoop()
    guard reading != isReading else { return }
    isReading = reading
    guard reading, !isResumeScheduled else { return }
    // On the next tick, so that no message arrives inside the caller's own call.
    isResumeScheduled = true
    eventLoop.assumeIsolated().execute {
      self.isResumeScheduled = false
      self.deliver()
    }
  }

  // MARK: Messages

  /// Delivers messages, and the end after the last, as far as the handler reads.
  private func deliver() {
    guard !isDelivering else { return }
    isDelivering = true
    defer { isDelivering = false }
    do throws(GRPCStatus) {
      try decodeBody()
      while isTaking, let message = try decoder.next() {
        handler?.receive(
          message.isCompressed
            ? try encoding.expand(
              message.payload, maximumMessageBytes: decoder.maximumMessageBytes)
            : message.payload)
      }
      guard isTaking, !isEndDelivered else { return }
      guard !decoder.hasUnread else {
        throw GRPCStatus(.internalError, "the body ends in the middle of a message")
      }
      isEndDelivered = true
      handler?.receiveEnd()
    } catch {
      abort(error)
    }
  }

  private func decodeBody() throws(GRPCStatus) {
    guard isTaking, let (bytes, format) = body else { return }
    body = nil
    guard let frames = format.decode(bytes) else {
      let plain = GRPCWebFormat(isText: false, subtype: format.subtype)
      throw GRPCStatus(
        .internalError, "the body is not base64; send \(plain.contentType) for plain bytes")
    }
    decoder.append(frames)
  }

  private var isTaking: Bool { !isOver && isReading && handler != nil }

  // MARK: Ends

  /// Ends the call in place of its handler, which is told.
  private func abort(_ status: GRPCStatus) {
    let stopped = handler
    finish(status)
    stopped?.cancelled(status)
  }

  private func release() {
    isOver = true
    handler = nil
    timer?.cancel()
    timer = nil
    body = nil
    decoder.discard()
  }
}

extension GRPCWebCall: HTTPServerExchangeHandler {
  func writabilityChanged(_ isWritable: Bool) { handler?.writabilityChanged(isWritable) }

  func cancelled() {
    let stopped = handler
    release()
    stopped?.cancelled(GRPCStatus(.cancelled, "the client closed the connection"))
  }
}
