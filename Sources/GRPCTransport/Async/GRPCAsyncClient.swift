package import Logging
package import NIOCore

/// A gRPC client for asynchronous code off the hot path: command line tools and reflection. Every
/// member may be used from any thread.
package struct GRPCAsyncClient: Sendable {
  private let connection: any GRPCClientTransport & Sendable

  private var eventLoop: any EventLoop { connection.eventLoop }

  /// Makes calls over a transport that is there already.
  package init(_ transport: any GRPCClientTransport & Sendable) { connection = transport }

  /// Connects to a server; afterwards the connection keeps itself up until ``close()``.
  ///
  /// - Throws: ``GRPCStatus`` UNAVAILABLE if the first attempt fails, saying why.
  package static func connect(
    target: GRPCAddress, group: any EventLoopGroup,
    configuration: GRPCClientConfiguration = GRPCClientConfiguration(), logger: Logger
  ) async throws -> GRPCAsyncClient {
    let connection = GRPCClientConnection(
      target: target, eventLoop: group.next(), configuration: configuration, logger: logger)
    let client = GRPCAsyncClient(connection)
    do {
      try await withCheckedThrowingContinuation {
        (continuation: CheckedContinuation<Void, any Error>) in
        connection.eventLoop.execute {
          connection.connect { continuation.resume(with: $0.mapError { $0 }) }
        }
      }
    } catch {
      await client.close()
      throw error
    }
    return client
  }

  /// Makes a call with one request message and one response message. Waits for the connection if it
  /// is being restored, until the timeout. Cancelling the task cancels the call.
  ///
  /// - Throws: ``GRPCStatus`` for every end but OK.
  package func unary(
    path: String, metadata: GRPCMetadata = GRPCMetadata(), message: ByteBuffer,
    timeout: Duration? = nil
  ) async throws -> GRPCUnaryResponse {
    try await unaryResult(path: path, metadata: metadata, message: message, timeout: timeout)
      .mapError(\.status).get()
  }

  /// As ``unary(path:metadata:message:timeout:)``, with the trailers of a failed call.
  package func unaryResult(
    path: String, metadata: GRPCMetadata = GRPCMetadata(), message: ByteBuffer,
    timeout: Duration? = nil
  ) async -> Result<GRPCUnaryResponse, GRPCCallError> {
    await unaryResult(
      path: path, metadata: metadata, message: message, deadline: Self.deadline(timeout))
  }

  /// As ``unaryResult(path:metadata:message:timeout:)``, with a point in time.
  package func unaryResult(
    path: String, metadata: GRPCMetadata, message: ByteBuffer, deadline: NIODeadline?
  ) async -> Result<GRPCUnaryResponse, GRPCCallError> {
    let canceller = MessageMailbox(eventLoop: eventLoop)
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        eventLoop.execute {
          let stream = connection.unaryWithTrailers(
            path: path, metadata: metadata, message: message, deadline: deadline,
            waitForReady: true
          ) { continuation.resume(returning: $0) }
          canceller.attach(stream)
        }
      }
    } onCancel: {
      canceller.cancel()
    }
  }

  /// Makes a call with one request message and any number of response messages.
  package func serverStream(
    path: String, metadata: GRPCMetadata = GRPCMetadata(), message: ByteBuffer,
    timeout: Duration? = nil
  ) -> GRPCMessageStream {
    serverStream(
      path: path, metadata: metadata, message: message, deadline: Self.deadline(timeout))
  }

  /// As ``serverStream(path:metadata:message:timeout:)``, with a point in time.
  package func serverStream(
    path: String, metadata: GRPCMetadata, message: ByteBuffer, deadline: NIODeadline?
  ) -> GRPCMessageStream {
    let call = bidirectional(path: path, metadata: metadata, deadline: deadline)
    call.send(message)
    call.finishSending()
    return call.messages
  }

  /// Opens a call with any number of messages both ways.
  package func bidirectional(
    path: String, metadata: GRPCMetadata = GRPCMetadata(), timeout: Duration? = nil
  ) -> GRPCBidirectionalCall {
    bidirectional(path: path, metadata: metadata, deadline: Self.deadline(timeout))
  }

  private func bidirectional(
    path: String, metadata: GRPCMetadata, deadline: NIODeadline?
  ) -> GRPCBidirectionalCall {
    let mailbox = MessageMailbox(eventLoop: eventLoop)
    eventLoop.execute {
      mailbox.attach(
        connection.openStream(
          path: path, metadata: metadata, deadline: deadline, waitForReady: true,
          handler: mailbox))
    }
    return GRPCBidirectionalCall(messages: GRPCMessageStream(mailbox: mailbox))
  }

  /// Closes the connection; calls that are open end with UNAVAILABLE.
  package func close() async {
    await withCheckedContinuation { continuation in
      eventLoop.execute {
        connection.close()
        continuation.resume()
      }
    }
  }

  /// The point in time at which a call with this timeout ends.
  package static func deadline(_ timeout: Duration?) -> NIODeadline? {
    timeout.map { .now() + min(TimeAmount($0), GRPCTimeout.longest) }
  }
}

/// A call with any number of messages both ways. The sending side has no back-pressure: it is meant
/// for conversations, not for bulk.
package struct GRPCBidirectionalCall: Sendable {
  /// What the server sends. The call lives as long as somebody holds this.
  package let messages: GRPCMessageStream

  /// Sends one message; without effect once the call is over.
  package func send(_ message: ByteBuffer) { messages.mailbox.withStream { $0.send(message) } }

  /// Says that no more messages follow.
  package func finishSending() { messages.mailbox.withStream { $0.sendEnd() } }

  /// Ends the call with CANCELLED; from any thread.
  package func cancel() { messages.mailbox.cancel() }
}
