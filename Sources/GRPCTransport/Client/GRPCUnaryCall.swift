package import NIOCore

/// The answer of a unary call that ended with OK.
package struct GRPCUnaryResponse: Sendable {
  /// The one response message.
  package var message: ByteBuffer
  /// The response headers, without pseudo headers.
  package var headers: GRPCMetadata
  /// The trailers; with `grpc-status` if they came over a connection.
  package var trailers: GRPCMetadata

  /// For tests and other transports; ours makes them itself.
  package init(message: ByteBuffer, headers: GRPCMetadata, trailers: GRPCMetadata) {
    self.message = message
    self.headers = headers
    self.trailers = trailers
  }
}

/// A call that ended with another status than OK, with what the server said besides.
package struct GRPCCallError: Error, Hashable, Sendable, CustomStringConvertible {
  /// How the call ended; never OK.
  package var status: GRPCStatus
  /// The trailers, empty if the call did not end by the server's word.
  package var trailers: GRPCMetadata

  /// Makes an error, for services that fail with trailers.
  package init(status: GRPCStatus, trailers: GRPCMetadata = GRPCMetadata()) {
    self.status = status
    self.trailers = trailers
  }

  package var description: String { status.description }
}

extension GRPCClientTransport {
  /// Makes a call with one request message and one response message. On the event loop, like the
  /// transport; the completion runs there too, exactly once, and never inside this call.
  ///
  /// A response without or with several messages fails with UNIMPLEMENTED (gRPC status codes,
  /// "Response cardinality violation").
  ///
  /// - Returns: the stream, to cancel the call.
  @discardableResult
  package func unary(
    path: String, metadata: GRPCMetadata = GRPCMetadata(), message: ByteBuffer,
    deadline: NIODeadline? = nil, waitForReady: Bool = false,
    completion: @escaping (Result<GRPCUnaryResponse, GRPCStatus>) -> Void
  ) -> any GRPCClientStream {
    unaryWithTrailers(
      path: path, metadata: metadata, message: message, deadline: deadline,
      waitForReady: waitForReady
    ) { completion($0.mapError(\.status)) }
  }

  /// As ``unary(path:metadata:message:deadline:waitForReady:completion:)``; a failure carries the
  /// trailers, such as `grpc-status-details-bin`.
  @discardableResult
  package func unaryWithTrailers(
    path: String, metadata: GRPCMetadata = GRPCMetadata(), message: ByteBuffer,
    deadline: NIODeadline? = nil, waitForReady: Bool = false,
    completion: @escaping (Result<GRPCUnaryResponse, GRPCCallError>) -> Void
  ) -> any GRPCClientStream {
    let collector = UnaryCollector(completion)
    let stream = openStream(
      path: path, metadata: metadata, deadline: deadline, waitForReady: waitForReady,
      handler: collector)
    stream.send(message)
    stream.sendEnd()
    return stream
  }
}

/// Gathers the parts of a unary response. Loop-bound like its call.
private final class UnaryCollector: GRPCClientStreamHandler {
  private let completion: (Result<GRPCUnaryResponse, GRPCCallError>) -> Void
  private var headers = GRPCMetadata()
  private var message: ByteBuffer?
  private var messageCount = 0

  init(_ completion: @escaping (Result<GRPCUnaryResponse, GRPCCallError>) -> Void) {
    self.completion = completion
  }

  func receiveHeaders(_ metadata: GRPCMetadata) { headers = metadata }

  func receive(_ message: ByteBuffer) {
    messageCount += 1
    // Only the first is kept: a server that streams here must not fill our memory.
    if messageCount == 1 { self.message = message }
  }

  func ended(_ status: GRPCStatus, trailers: GRPCMetadata) {
    guard status.code == .ok else {
      return completion(.failure(GRPCCallError(status: status, trailers: trailers)))
    }
    guard messageCount == 1, let message else {
      let violation = GRPCStatus(
        .unimplemented, "the server answered a unary call with \(messageCount) messages")
      return completion(.failure(GRPCCallError(status: violation, trailers: trailers)))
    }
    completion(
      .success(GRPCUnaryResponse(message: message, headers: headers, trailers: trailers)))
  }
}
