package import NIOCore
import NIOHPACK

/// One plain HTTP request, of HTTP/1.1 or HTTP/2, with its whole body.
package struct HTTPServerRequest: Sendable {
  /// The verb, in capitals as it came.
  package var method: String
  /// Path and query, still percent-encoded.
  package var target: String
  /// Names are lower case; what concerns only the connection is left out.
  package var headers: GRPCMetadata
  package var body: ByteBuffer

  package init(method: String, target: String, headers: GRPCMetadata, body: ByteBuffer) {
    self.method = method
    self.target = target
    self.headers = headers
    self.body = body
  }
}

/// How a response begins.
package struct HTTPResponseStart: Hashable, Sendable {
  package var status: Int
  package var contentType: String?
  /// What the transport owns, and what a header cannot carry, is left out.
  package var headers: GRPCMetadata
  /// Headers of the transport itself, sent as they are.
  var transportHeaders: HPACKHeaders = [:]

  package init(status: Int, contentType: String?, headers: GRPCMetadata = GRPCMetadata()) {
    self.status = status
    self.contentType = contentType
    self.headers = headers
  }

  /// The names of all headers but those that every response may have.
  package var headerNames: [String] {
    headers.headers.map(\.name) + transportHeaders.map(\.name)
  }
}

/// The answer to one plain HTTP request: either ``respond(_:body:)``, or ``begin(_:)``, any number of
/// ``send(_:)`` and ``end()``. Everything happens on ``eventLoop``; what comes after the end is ignored.
package protocol HTTPServerExchange: AnyObject {
  var eventLoop: any EventLoop { get }
  /// The other end of the connection.
  var peer: ConnectionPeer { get }
  /// As ``GRPCServerCall/isWritable``.
  var isWritable: Bool { get }

  func respond(_ start: HTTPResponseStart, body: ByteBuffer)
  /// Begins a response of unknown length.
  func begin(_ start: HTTPResponseStart)
  func send(_ bytes: ByteBuffer)
  func end()
  /// Breaks a response off so that the client sees that it is not whole.
  func abort()
}

/// Who answers a request, once it does not do so at once. Called on the exchange's event loop only.
package protocol HTTPServerExchangeHandler: AnyObject {
  func writabilityChanged(_ isWritable: Bool)
  /// The client went away before the end of the response.
  func cancelled()
}

/// Answers plain HTTP requests. Shared by all connections, hence called on many event loops.
package protocol HTTPServerRouter: Sendable {
  /// Answers a request, at once or later.
  ///
  /// - Returns: who is told what happens to the exchange; `nil` when the response is over.
  func handle(
    _ request: HTTPServerRequest, on exchange: any HTTPServerExchange
  ) -> (any HTTPServerExchangeHandler)?
}

extension HTTPServerExchange {
  /// Nothing is known of a peer inside the process.
  package var peer: ConnectionPeer { ConnectionPeer() }
}
