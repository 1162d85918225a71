import CloudstateModel
import DynamicProtobuf
import GRPCTransport
import NIOCore
import NIOHPACK

/// An HTTP request that stands for a gRPC call with one request message, so that it goes exactly the way of
/// one. Loop-bound to its exchange.
final class TranscodedCall: GRPCServerCall {
  let path: String
  let metadata: GRPCMetadata
  let deadline: NIODeadline? = nil

  private let exchange: any HTTPServerExchange
  private let form: ReplyForm
  private let accept: AcceptHeader
  /// Whether only the head of the response is asked for.
  private let isHead: Bool
  private let report: (String) -> Void
  private var handler: (any GRPCServerCallHandler)?
  private var replyHeaders = GRPCMetadata()
  /// The reply of a response that is made of one.
  private var single: ReplyForm.Content?
  private var hasBegun = false
  private var isOver = false

  /// - Parameter report: told of replies that cannot be shown.
  init(
    path: String, metadata: GRPCMetadata, exchange: any HTTPServerExchange, form: ReplyForm,
    accept: AcceptHeader, isHead: Bool, report: @escaping (String) -> Void
  ) {
    self.path = path
    self.metadata = metadata
    self.exchange = exchange
    self.form = form
    self.accept = accept
    self.isHead = isHead
    self.report = report
  }

  var eventLoop: any EventLoop { exchange.eventLoop }
  var peer: ConnectionPeer { exchange.peer }
  var isWritable: Bool { !isOver && exchange.isWritable }

  /// Hands the one request to who serves the method.
  func start(_ handler: any GRPCServerCallHandler, with message: [UInt8]) {
    guard !isOver else { return }
    self.handler = handler
    handler.receive(ByteBuffer(bytes: message))
    if !isOver { handler.receiveEnd() }
  }

  // MARK: From the handler

  func sendHeaders(_ metadata: GRPCMetadata) { replyHeaders = metadata }

  func send(_ message: ByteBuffer) {
    guard !isOver else { return }
    let content: ReplyForm.Content
    do throws(TranscodingError) {
      content = try form.content(of: [UInt8](buffer: message))
    } catch {
      report("Warning: the reply of \(path) cannot be sent over HTTP: \(error.message)")
      return fail("the reply cannot be sent over HTTP: \(error.message)")
    }
    if form.framing == .single {
      guard single == nil else { return fail("there was more than one reply") }
      single = content
    } else {
      if !hasBegun { begin(content.contentType) }
      guard !isHead else { return endAfterHead() }
      exchange.send(content.bytes)
    }
  }

  func finish(_ status: GRPCStatus, trailers: GRPCMetadata) {
    guard !isOver else { return }
    release()
    guard status.code == .ok else { return answer(status, trailers) }
    if form.framing != .single {
      if !hasBegun { begin(nil) }
      return exchange.end()
    }
    guard let single else {
      return answer(GRPCStatus(.unknown, "the user function sent no reply"), trailers)
    }
    var headers = replyHeaders
    for (name, value, _) in trailers.headers { headers.add(name, value) }
    exchange.respond(
      HTTPResponseStart(status: 200, contentType: single.contentType, headers: headers),
      body: single.bytes)
  }

  /// There is one message only, and it has been read.
  func setReading(_ reading: Bool) {}

  private func begin(_ contentType: String?) {
    hasBegun = true
    var headers = replyHeaders
    if form.framing == .events { headers.add("cache-control", "no-cache") }
    exchange.begin(
      HTTPResponseStart(
        status: 200,
        contentType: form.streamContentType(
          metadata: replyHeaders["content-type"], content: contentType),
        headers: headers))
  }

  /// A stream may have no end, and nobody waits for its content.
  private func endAfterHead() {
    let stopped = handler
    release()
    exchange.end()
    stopped?.cancelled(GRPCStatus(.cancelled, "a HEAD request needs no replies"))
  }

  /// Ends the call for a mistake in its replies.
  private func fail(_ text: String) {
    let stopped = handler
    release()
    answer(GRPCStatus(.unknown, text), GRPCMetadata())
    stopped?.cancelled(GRPCStatus(.unknown, text))
  }

  private func answer(_ status: GRPCStatus, _ trailers: GRPCMetadata) {
    // What is already on its way cannot become an error; the client must see that it is not whole.
    guard !hasBegun else { return exchange.abort() }
    let error = HTTPErrorAnswer(status, trailers: trailers, accept: accept)
    exchange.respond(error.start, body: error.body)
  }

  private func release() {
    isOver = true
    handler = nil
  }
}

extension TranscodedCall: HTTPServerExchangeHandler {
  func writabilityChanged(_ isWritable: Bool) { handler?.writabilityChanged(isWritable) }

  func cancelled() {
    let stopped = handler
    release()
    stopped?.cancelled(GRPCStatus(.cancelled, "the client closed the connection"))
  }
}
