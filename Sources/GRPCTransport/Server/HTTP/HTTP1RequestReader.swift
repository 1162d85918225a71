import NIOCore
import NIOHPACK
import NIOHTTP1

/// One request of an HTTP/1 connection, and what its connection must know of it.
struct HTTP1Request {
  var request: HTTPServerRequest
  /// Whether the client knows neither chunks nor, unless it says so, connections that stay open.
  var isHTTP10: Bool
  /// Whether the client can send another request behind it.
  var keepsAlive: Bool
}

/// Puts the parts of requests together, pure. After a refusal the connection is to be closed.
struct HTTP1RequestReader {
  enum Step {
    case more
    /// The client waits for leave to send the body (RFC 9110, 10.1.1).
    case proceed
    case complete(HTTP1Request)
    case refuse(HTTPRefusal)
  }

  let maximumHeadBytes: Int
  let maximumMessageBytes: Int
  private var head: HTTPRequestHead?
  private var bodyBound: HTTPBodyBound
  private var body = ByteBuffer()

  init(maximumHeadBytes: Int, maximumMessageBytes: Int) {
    self.maximumHeadBytes = maximumHeadBytes
    self.maximumMessageBytes = maximumMessageBytes
    bodyBound = HTTPBodyBound(
      maximumMessageBytes: maximumMessageBytes, contentType: nil, accept: nil)
  }

  mutating func read(_ part: HTTPServerRequestPart) -> Step {
    switch part {
    case .head(let head):
      self.head = head
      bodyBound = HTTPBodyBound(
        maximumMessageBytes: maximumMessageBytes,
        contentType: head.headers.first(name: "content-type"),
        accept: head.headers.first(name: "accept"))
      body = ByteBuffer()
      if let refusal = refusal(of: head) { return .refuse(refusal) }
      let expects = head.headers.first(name: "expect")?.lowercased()
      return expects == "100-continue" && head.version != .http1_0 ? .proceed : .more
    case .body(var bytes):
      guard body.readableBytes + bytes.readableBytes <= bodyBound.maximumBytes else {
        return .refuse(bodyBound.refusal)
      }
      if body.readableBytes == 0 { body = bytes } else { body.writeBuffer(&bytes) }
      return .more
    case .end:
      guard let head else { return .more }
      defer {
        self.head = nil
        body = ByteBuffer()
      }
      return .complete(
        HTTP1Request(
          request: HTTPServerRequest(
            method: head.method.rawValue, target: head.uri,
            headers: GRPCMetadata(Self.endToEnd(head.headers)), body: body),
          isHTTP10: head.version == .http1_0,
          // Bytes behind a request to change the protocol are not read as HTTP any more.
          keepsAlive: head.isKeepAlive && head.method != .CONNECT
            && !head.headers.contains(name: "upgrade")))
    }
  }

  private func refusal(of head: HTTPRequestHead) -> HTTPRefusal? {
    let size = head.headers.reduce(head.uri.utf8.count) {
      $0 + $1.name.utf8.count + $1.value.utf8.count
    }
    guard size <= maximumHeadBytes else { return .headTooLarge(limit: maximumHeadBytes) }
    // RFC 9112, 3.2.
    if head.version != .http1_0, head.headers["host"].count != 1 {
      return HTTPRefusal(status: 400, text: "an HTTP/1.1 request has exactly one Host header")
    }
    return HTTPRefusal.forContentType(head.headers.first(name: "content-type"), isHTTP2: false)
      ?? bodyBound.refusal(contentLength: head.headers.first(name: "content-length"))
  }

  private static let hopByHop: Set<String> = [
    "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "expect", "te",
    "trailer", "http2-settings", "content-length",
  ]

  private static func endToEnd(_ headers: HTTPHeaders) -> HPACKHeaders {
    var kept = HPACKHeaders()
    kept.reserveCapacity(headers.count)
    for (name, value) in headers {
      let name = name.lowercased()
      if !hopByHop.contains(name) { kept.add(name: name, value: value) }
    }
    return kept
  }
}
