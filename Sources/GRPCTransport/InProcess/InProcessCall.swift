import NIOCore

/// One call within the process: the client's end, and what both ends share. Loop-bound.
///
/// Both ends only leave things here; ``deliver()`` hands them over.
final class InProcessCall: GRPCClientStream, DeadlineHolder {
  private enum ServerPhase {
    /// The router has not been asked yet.
    case asking
    case open
    /// Finished, or aborted.
    case over
  }

  let path: String
  let metadata: GRPCMetadata
  let deadline: NIODeadline?
  private let connection: InProcessConnection
  /// `nil` once it has heard of the end.
  private var clientHandler: (any GRPCClientStreamHandler)?
  /// `nil` before the router was asked, and once the server's end is over and knows it.
  private var serverHandler: (any GRPCServerCallHandler)?
  private var serverPhase = ServerPhase.asking
  private var requests: MessageLane
  private var responses: MessageLane
  /// `sendEnd` was called.
  private var isRequestEnded = false
  private var isRequestEndDelivered = false
  private var areHeadersSent = false
  /// Response headers on their way.
  private var headers: GRPCMetadata?
  /// The end on its way to the client, behind all responses.
  private var outcome: (status: GRPCStatus, trailers: GRPCMetadata)?
  /// Why the call ended before the server's handler finished it, on the way to that handler.
  private var abortion: GRPCStatus?
  /// Kept by the deadline queue.
  var deadlineSlot = -1
  /// Whether the connection will call ``deliver()``, or it is running.
  private var isDue = false

  /// For the connection only.
  init(
    connection: InProcessConnection, path: String, metadata: GRPCMetadata, deadline: NIODeadline?,
    handler: any GRPCClientStreamHandler
  ) {
    self.connection = connection
    self.path = path
    self.metadata = metadata
    self.deadline = deadline
    clientHandler = handler
    requests = MessageLane(windowBytes: connection.configuration.windowBytes)
    responses = MessageLane(windowBytes: connection.configuration.windowBytes)
  }

  var eventLoop: any EventLoop { connection.eventLoop }

  // MARK: From the client

  var isWritable: Bool { isTaking && !requests.isFull }
  /// There is always somebody to call.
  var isWaiting: Bool { false }

  /// Whether what the client sends reaches anyone.
  private var isTaking: Bool { !isRequestEnded && serverPhase != .over }

  func send(_ message: ByteBuffer) {
    eventLoop.assertInEventLoop()
    guard isTaking, admits(message, to: requests) else { return }
    requests.append(message)
    becameDue()
  }

  func sendEnd() {
    eventLoop.assertInEventLoop()
    guard !isRequestEnded else { return }
    isRequestEnded = true
    becameDue()
  }

  func cancel() {
    eventLoop.assertInEventLoop()
    abort(
      GRPCStatus(.cancelled, "cancelled by the caller"),
      server: GRPCStatus(.cancelled, "cancelled by the client"))
  }

  func setReading(_ reading: Bool) {
    eventLoop.assertInEventLoop()
    responses.isReading = reading
    if reading { becameDue() }
  }

  // MARK: From the server

  var isServerWritable: Bool { serverPhase != .over && !responses.isFull }

  func sendHeaders(_ metadata: GRPCMetadata) {
    eventLoop.assertInEventLoop()
    guard serverPhase != .over, !areHeadersSent else { return }
    areHeadersSent = true
    headers = metadata
    becameDue()
  }

  func respond(_ message: ByteBuffer) {
    eventLoop.assertInEventLoop()
    guard serverPhase != .over, admits(message, to: responses) else { return }
    if !areHeadersSent { sendHeaders(GRPCMetadata()) }
    responses.append(message)
    becameDue()
  }

  func finish(_ status: GRPCStatus, trailers: GRPCMetadata) {
    eventLoop.assertInEventLoop()
    guard serverPhase != .over else { return }
    serverPhase = .over
    serverHandler = nil
    requests.discard()
    outcome = (status, trailers)
    becameDue()
  }

  func setServerReading(_ reading: Bool) {
    eventLoop.assertInEventLoop()
    requests.isReading = reading
    if reading { becameDue() }
  }

  // MARK: Ends

  func deadlinePassed() {
    abort(GRPCStatus(.deadlineExceeded, "the deadline of the call has passed"))
  }

  /// Ends the call for both ends, whatever is on its way between them.
  ///
  /// - Parameter serverStatus: what the server's handler hears; `nil` for the same.
  func abort(_ status: GRPCStatus, server serverStatus: GRPCStatus? = nil) {
    guard clientHandler != nil else { return }
    if serverPhase != .over {
      serverPhase = .over
      if serverHandler != nil { abortion = serverStatus ?? status }
    }
    requests.discard()
    responses.discard()
    // Nobody waits for a client that does not read.
    responses.isReading = true
    headers = nil
    outcome = (status, GRPCMetadata())
    becameDue()
  }

  /// Whether a message may be sent; ends the call if not.
  private func admits(_ message: ByteBuffer, to lane: MessageLane) -> Bool {
    let configuration = connection.configuration
    let bytes = message.readableBytes
    guard bytes <= configuration.maximumMessageBytes else {
      abort(MessageDecoder.tooLarge(bytes, limit: configuration.maximumMessageBytes))
      return false
    }
    guard lane.isEmpty || lane.queuedBytes + bytes <= configuration.maximumQueuedBytes else {
      abort(
        GRPCStatus(
          .resourceExhausted,
          "\(lane.queuedBytes) bytes wait for the receiver; the limit is "
            + "\(configuration.maximumQueuedBytes)"))
      return false
    }
    return true
  }

  // MARK: Delivery

  /// Asks the connection for a call of ``deliver()``.
  func becameDue() {
    guard !isDue else { return }
    isDue = true
    connection.becameDue(self)
  }

  /// Hands over what is on its way, to each end as much as one turn allows. From the connection only.
  func deliver() {
    // What the handlers send meanwhile is still seen below, or asked about at the end.
    deliverToServer()
    deliverToClient()
    isDue = false
    if hasDeliverable { becameDue() }
  }

  private func deliverToServer() {
    if let status = abortion.take() {
      let handler = serverHandler
      serverHandler = nil
      handler?.cancelled(status)
    }
    if serverPhase == .asking { ask() }
    var messages = connection.configuration.messagesPerTurn
    while messages > 0, serverPhase == .open, let message = requests.take() {
      serverHandler?.receive(message)
      messages -= 1
    }
    if isRequestEndDeliverable {
      isRequestEndDelivered = true
      serverHandler?.receiveEnd()
    }
    if serverPhase == .open, let isWritable = responses.takeNews() {
      serverHandler?.writabilityChanged(isWritable)
    }
  }

  private func ask() {
    let handler = connection.router.handler(for: InProcessServerCall(self))
    // The router may have answered already, for example to refuse the caller.
    guard serverPhase == .asking else { return }
    guard let handler else {
      return finish(.unknownMethod(path), trailers: GRPCMetadata())
    }
    serverPhase = .open
    serverHandler = handler
  }

  private func deliverToClient() {
    if let headers = headers.take() { clientHandler?.receiveHeaders(headers) }
    var messages = connection.configuration.messagesPerTurn
    while messages > 0, let clientHandler, let message = responses.take() {
      clientHandler.receive(message)
      messages -= 1
    }
    if isEndDeliverable, let outcome {
      end(outcome.status, outcome.trailers)
    } else if isTaking, let isWritable = requests.takeNews() {
      clientHandler?.writabilityChanged(isWritable)
    }
  }

  private func end(_ status: GRPCStatus, _ trailers: GRPCMetadata) {
    let handler = clientHandler
    clientHandler = nil
    outcome = nil
    connection.deadlines.remove(self)
    connection.ended(self)
    handler?.ended(status, trailers: trailers)
  }

  private var isRequestEndDeliverable: Bool {
    serverPhase == .open && isRequestEnded && !isRequestEndDelivered && requests.isReading
      && requests.isEmpty
  }

  private var isEndDeliverable: Bool {
    outcome != nil && headers == nil && responses.isReading && responses.isEmpty
  }

  private var hasDeliverable: Bool {
    if abortion != nil || serverPhase == .asking { return true }
    if serverPhase == .open,
      requests.hasDeliverable || isRequestEndDeliverable || responses.hasNews
    {
      return true
    }
    guard clientHandler != nil else { return false }
    return headers != nil || responses.hasDeliverable || isEndDeliverable
      || isTaking && requests.hasNews
  }
}

/// The server's end of a call within the process. Loop-bound.
final class InProcessServerCall: GRPCServerCall {
  private let call: InProcessCall

  init(_ call: InProcessCall) { self.call = call }

  var eventLoop: any EventLoop { call.eventLoop }
  var path: String { call.path }
  var metadata: GRPCMetadata { call.metadata }
  var deadline: NIODeadline? { call.deadline }
  var isWritable: Bool { call.isServerWritable }

  func sendHeaders(_ metadata: GRPCMetadata) { call.sendHeaders(metadata) }
  func send(_ message: ByteBuffer) { call.respond(message) }
  func finish(_ status: GRPCStatus, trailers: GRPCMetadata) {
    call.finish(status, trailers: trailers)
  }
  func setReading(_ reading: Bool) { call.setServerReading(reading) }
}
