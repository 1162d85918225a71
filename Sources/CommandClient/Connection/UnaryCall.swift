package import GRPCTransport
package import NIOCore

/// How a unary call ended.
package struct UnaryOutcome: Sendable {
  package var status: GRPCStatus
  /// The reply; `nil` when there was none.
  package var message: ByteBuffer?
  /// Headers and trailers together.
  package var metadata: GRPCMetadata

  package init(status: GRPCStatus, message: ByteBuffer?, metadata: GRPCMetadata) {
    self.status = status
    self.message = message
    self.metadata = metadata
  }
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
  private var metadata = GRPCMetadata()
  private var message: ByteBuffer?

  init(completion: @escaping (UnaryOutcome) -> Void) { self.completion = completion }

  func receiveHeaders(_ metadata: GRPCMetadata) { self.metadata = metadata }

  func receive(_ message: ByteBuffer) { if self.message == nil { self.message = message } }

  func ended(_ status: GRPCStatus, trailers: GRPCMetadata) {
    for (name, value, _) in trailers.headers { metadata.add(name, value) }
    var status = status
    if status.code == .ok, message == nil {
      status = GRPCStatus(.internalError, "the server answered without a message")
    }
    completion(UnaryOutcome(status: status, message: message, metadata: metadata))
  }
}
