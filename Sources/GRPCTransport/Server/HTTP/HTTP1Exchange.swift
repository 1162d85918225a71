import NIOCore
import NIOHPACK
import NIOHTTP1

/// The answer to one request of an HTTP/1 connection. Loop-bound.
final class HTTP1Exchange: HTTPServerExchange {
  let eventLoop: any EventLoop
  /// Who hears of the exchange; unset when it is over.
  var handler: (any HTTPServerExchangeHandler)?
  private var connection: HTTP1Connection?
  private let version: HTTPVersion
  private let isHead: Bool
  private var keepsAlive: Bool
  private var hasBegun = false
  /// Whether the connection went away before the response was over.
  private(set) var isLost = false

  init(_ request: HTTP1Request, connection: HTTP1Connection, eventLoop: any EventLoop) {
    self.connection = connection
    self.eventLoop = eventLoop
    version = request.isHTTP10 ? .http1_0 : .http1_1
    isHead = request.request.method == "HEAD"
    keepsAlive = request.keepsAlive
  }

  /// For an answer to what is no whole request.
  init(refusingAt connection: HTTP1Connection, eventLoop: any EventLoop) {
    self.connection = connection
    self.eventLoop = eventLoop
    version = .http1_1
    isHead = false
    keepsAlive = false
  }

  var isWritable: Bool { connection?.isWritable ?? false }
  var peer: ConnectionPeer { connection?.peer ?? ConnectionPeer() }

  func respond(_ start: HTTPResponseStart, body: ByteBuffer) {
    guard let connection, !hasBegun else { return }
    hasBegun = true
    connection.write(.head(head(start, length: body.readableBytes)))
    if !isHead, body.readableBytes > 0 { connection.write(.body(.byteBuffer(body))) }
    end()
  }

  func begin(_ start: HTTPResponseStart) {
    guard let connection, !hasBegun else { return }
    hasBegun = true
    // Without chunks, only the end of the connection shows the end of the response.
    if isHead || version == .http1_0 { keepsAlive = false }
    connection.write(.head(head(start, length: nil)))
    connection.flush()
  }

  func send(_ bytes: ByteBuffer) {
    guard let connection, hasBegun, !isHead, bytes.readableBytes > 0 else { return }
    connection.write(.body(.byteBuffer(bytes)))
    connection.flush()
  }

  func end() {
    guard let connection, hasBegun else { return }
    release()
    connection.responseEnded(keepsAlive: keepsAlive)
  }

  func abort() {
    guard let connection else { return }
    release()
    connection.abort()
  }

  /// The connection is gone.
  func lost() {
    isLost = true
    let handler = handler
    release()
    handler?.cancelled()
  }

  private func release() {
    connection = nil
    handler = nil
  }

  private func head(_ start: HTTPResponseStart, length: Int?) -> HTTPResponseHead {
    if connection?.isDraining == true { keepsAlive = false }
    var headers = HTTPHeaders()
    if let contentType = start.safeContentType {
      headers.add(name: "content-type", value: contentType)
    }
    if let length, start.hasLength { headers.add(name: "content-length", value: "\(length)") }
    if !keepsAlive {
      headers.add(name: "connection", value: "close")
    } else if version == .http1_0 {
      headers.add(name: "connection", value: "keep-alive")
    }
    var custom = start.transportHeaders
    custom.addCustom(start.headers)
    for (name, value, _) in custom { headers.add(name: name, value: value) }
    return HTTPResponseHead(
      version: version, status: HTTPResponseStatus(statusCode: start.status), headers: headers)
  }
}

extension HTTPResponseStart {
  /// Whether a response that is sent whole tells its length (RFC 9110, 8.6).
  var hasLength: Bool { status != 204 }

  /// The content type if a header can carry it.
  var safeContentType: String? {
    contentType.flatMap { value in
      value.isEmpty || value.utf8.contains { !(0x20...0x7e).contains($0) } ? nil : value
    }
  }
}
