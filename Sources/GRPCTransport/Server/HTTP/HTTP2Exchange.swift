import NIOCore
import NIOHPACK

/// One plain HTTP request on an HTTP/2 stream, and its answer. Loop-bound.
final class HTTP2Exchange: HTTPServerExchange {
  let eventLoop: any EventLoop
  private let router: any HTTPServerRouter
  private let bodyBound: HTTPBodyBound
  private let headers: HPACKHeaders
  private let method: String
  private var body = ByteBuffer()
  /// The stream; `nil` once the response is over.
  private var stream: ServerCall?
  private var handler: (any HTTPServerExchangeHandler)?
  private var isComplete = false
  private var hasBegun = false

  init(
    stream: ServerCall, headers: HPACKHeaders, router: any HTTPServerRouter,
    maximumMessageBytes: Int
  ) {
    self.stream = stream
    self.headers = headers
    method = headers.first(name: ":method") ?? ""
    self.router = router
    bodyBound = HTTPBodyBound(
      maximumMessageBytes: maximumMessageBytes,
      contentType: headers.first(name: "content-type"), accept: headers.first(name: "accept"))
    eventLoop = stream.eventLoop
  }

  // MARK: From the stream

  /// The headers have come, and with `isLast` nothing follows.
  func started(isLast: Bool) {
    let refusal =
      HTTPRefusal.forContentType(headers.first(name: "content-type"), isHTTP2: true)
      ?? bodyBound.refusal(contentLength: headers.first(name: "content-length"))
    if let refusal { return refuse(refusal) }
    if isLast { complete() }
  }

  func received(_ bytes: ByteBuffer, isLast: Bool) {
    guard !isComplete, stream != nil else { return }
    guard body.readableBytes + bytes.readableBytes <= bodyBound.maximumBytes else {
      return refuse(bodyBound.refusal)
    }
    var bytes = bytes
    if body.readableBytes == 0 { body = bytes } else { body.writeBuffer(&bytes) }
    if isLast { complete() }
  }

  /// The client's last word came without bytes.
  func complete() {
    guard !isComplete, stream != nil else { return }
    isComplete = true
    stream?.bodyCompleted()
    let request = HTTPServerRequest(
      method: method, target: headers.first(name: ":path") ?? "",
      headers: GRPCMetadata(headers.withoutPseudoHeaders()), body: body)
    body = ByteBuffer()
    let handler = router.handle(request, on: self)
    if stream != nil { self.handler = handler }
  }

  /// The body did not come in time.
  func timedOut() { refuse(.timeout) }

  func writabilityChanged(_ isWritable: Bool) { handler?.writabilityChanged(isWritable) }

  /// The stream is gone.
  func lost() {
    let handler = handler
    release()
    handler?.cancelled()
  }

  // MARK: From the router

  var isWritable: Bool { stream?.isWritable ?? false }
  var peer: ConnectionPeer { stream?.peer ?? ConnectionPeer() }

  func respond(_ start: HTTPResponseStart, body: ByteBuffer) {
    guard let stream, !hasBegun else { return }
    hasBegun = true
    let hasBody = body.readableBytes > 0 && method != "HEAD"
    var block = block(start)
    if start.hasLength {
      block.add(name: "content-length", value: "\(body.readableBytes)")
    }
    stream.writeHeaders(block, endStream: !hasBody)
    if hasBody { stream.writeBytes(body, endStream: true) }
    release()
    stream.exchangeEnded()
  }

  func begin(_ start: HTTPResponseStart) {
    guard let stream, !hasBegun else { return }
    hasBegun = true
    stream.writeHeaders(block(start), endStream: false)
  }

  func send(_ bytes: ByteBuffer) {
    guard let stream, hasBegun, bytes.readableBytes > 0,
      method != "HEAD"
    else { return }
    stream.writeBytes(bytes, endStream: false)
  }

  func end() {
    guard let stream, hasBegun else { return }
    release()
    stream.writeBytes(ByteBuffer(), endStream: true)
    stream.exchangeEnded()
  }

  func abort() {
    guard let stream else { return }
    release()
    stream.exchangeAborted()
  }

  private func refuse(_ refusal: HTTPRefusal) {
    isComplete = true
    body = ByteBuffer()
    let answer = refusal.answer
    respond(answer.start, body: answer.body)
  }

  private func release() {
    stream = nil
    handler = nil
  }

  private func block(_ start: HTTPResponseStart) -> HPACKHeaders {
    var block: HPACKHeaders = [":status": "\(start.status)"]
    if let contentType = start.safeContentType {
      block.add(name: "content-type", value: contentType)
    }
    for (name, value, indexing) in start.transportHeaders {
      block.add(name: name, value: value, indexing: indexing)
    }
    block.addCustom(start.headers)
    return block
  }
}
