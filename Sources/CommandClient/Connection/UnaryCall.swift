package import GRPCTransport
package import NIOCore

/// How a unary call ended.
package struct UnaryOutcome: Sendable {
  package var status: GRPCStatus
  /// The reply; `nil` when there was none.
  package var message: ByteBuffer?
  package var headers: GRPCMetadata
  package var trailers: GRPCMetadata

  package init(
    status: GRPCStatus, message: ByteBuffer?, headers: GRPCMetadata = GRPCMetadata(),
    trailers: GRPCMetadata = GRPCMetadata()
  ) {
    self.status = status
    self.message = message
    self.headers = headers
    self.trailers = trailers
  }

  /// The first value of a header or trailer.
  package subscript(name: String) -> String? { headers[name] ?? trailers[name] }
}

/// Makes a unary call and calls `completion` exactly once, on the transport's event loop. Called on
/// that event loop.
package func callUnary(
  on transport: any GRPCClientTransport, path: String, metadata: GRPCMetadata,
  message: ByteBuffer, deadline: NIODeadline?, waitForReady: Bool,
  completion: @escaping (UnaryOutcome) -> Void
) {
  let handler = UnaryCallHandler(completion: completion)
  let stream = transport.openStream(
    path: path, metadata: metadata, deadline: deadline, waitForReady: waitForReady,
    handler: handler)
  stream.send(message)
  stream.sendEnd()
}

private final class UnaryCallHandler: GRPCClientStreamHandler {
  private let completion: (UnaryOutcome) -> Void
  private var headers = GRPCMetadata()
  private var message: ByteBuffer?

  init(completion: @escaping (UnaryOutcome) -> Void) { self.completion = completion }

  func receiveHeaders(_ metadata: GRPCMetadata) { headers = metadata }

  func receive(_ message: ByteBuffer) { if self.message == nil { self.message = message } }

  func ended(_ status: GRPCStatus, trailers: GRPCMetadata) {
    var status = status
    if status.code == .ok, message == nil {
      status = GRPCStatus(.internalError, "the server answered without a message")
    }
    completion(
      UnaryOutcome(
        status: status, message: message, headers: headers, trailers: trailers))
  }
}
