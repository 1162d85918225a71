import NIOCore
import NIOHPACK
import NIOHTTP2

/// One call on the client: from the request to its end, whatever the connection does meanwhile.
/// Loop-bound.
final class ClientCall: MessageStream, GRPCClientStream, DeadlineHolder {
  private enum Phase {
    /// For the connection, or for room on it. What is sent is held.
    case waiting
    case open
    case ended
  }

  /// Whether the call outlasts a failed attempt to connect.
  let waitsForReady: Bool
  private let path: String
  private let metadata: GRPCMetadata
  private let deadline: NIODeadline?
  private let connection: GRPCClientConnection
  private var session: ClientSession?
  private var handler: (any GRPCClientStreamHandler)?
  private var phase = Phase.waiting
  private var held: [ByteBuffer] = []
  private var heldBytes = 0
  /// `sendEnd` was called.
  private var isLocalEnded = false
  private var hasResponseBegun = false
  /// What the server ended the call with, while messages before it are still to be delivered.
  private var outcome: (status: GRPCStatus, trailers: GRPCMetadata)?
  private var failure: GRPCStatus?
  /// Kept by the deadline queue.
  var deadlineSlot = -1
  /// Whether the call is in the connection's queue; kept by the queue.
  var isQueued = false {
    didSet { if isQueued { wasQueued = true } }
  }
  /// Whether the caller saw the call unwritable at first.
  private var wasQueued = false

  /// For the connection only, which then finds the call a place.
  init(
    connection: GRPCClientConnection, path: String, metadata: GRPCMetadata,
    deadline: NIODeadline?, waitsForReady: Bool, handler: any GRPCClientStreamHandler
  ) {
    self.connection = connection
    self.path = path
    self.metadata = metadata
    self.deadline = deadline
    self.waitsForReady = waitsForReady
    self.handler = handler
    super.init(
      eventLoop: connection.eventLoop,
      maximumMessageBytes: connection.configuration.maximumMessageBytes,
      windowBytes: connection.configuration.windowBytes)
  }

  var isWritable: Bool { isOpen && isChannelWritable && !isLocalEnded }
  var isWaiting: Bool { phase == .waiting }

  // MARK: From the caller

  func send(_ message: ByteBuffer) {
    eventLoop.assertInEventLoop()
    guard !isLocalEnded else { return }
    switch phase {
    case .open:
      writeMessage(message)
    case .waiting:
      heldBytes += message.readableBytes
      guard heldBytes <= connection.configuration.maximumHeldBytes else {
        return end(
          GRPCStatus(
            .resourceExhausted,
            "\(heldBytes) bytes were sent before there was a connection; the limit is "
              + "\(connection.configuration.maximumHeldBytes)"), soon: true)
      }
      held.append(message)
    case .ended:
      break
    }
  }

  func sendEnd() {
    eventLoop.assertInEventLoop()
    guard !isLocalEnded else { return }
    isLocalEnded = true
    if phase == .open { writeEnd() }
  }

  func cancel() {
    eventLoop.assertInEventLoop()
    end(GRPCStatus(.cancelled, "cancelled by the caller"), soon: true)
  }

  // MARK: From the connection

  /// The call, which waited, has a stream on a connection with room for it.
  func begin(on session: ClientSession) {
    self.session = session
    phase = .open
    isOpen = true
    compressesOutbound = connection.configuration.compressesRequests
    writeHeaders(
      HeaderBlocks.request(
        scheme: connection.configuration.tls == nil ? "http" : "https", path: path,
        authority: connection.target.authority,
        userAgent: connection.configuration.userAgent, timeout: deadline.map { $0 - .now() },
        compressed: compressesOutbound, metadata: metadata),
      endStream: false)
    for message in held { writeMessage(message) }
    held = []
    if isLocalEnded { writeEnd() }
    if wasQueued, isWritable { handler?.writabilityChanged(true) }
  }

  func deadlinePassed() {
    end(GRPCStatus(.deadlineExceeded, "the deadline of the call has passed"))
  }

  /// Ends the call, once, and frees its stream.
  ///
  /// - Parameter soon: tells the handler on the next tick: for ends that happen inside a call of
  ///   the handler's own side.
  func end(_ status: GRPCStatus, trailers: GRPCMetadata = GRPCMetadata(), soon: Bool = false) {
    guard phase != .ended, let handler else { return }
    phase = .ended
    isOpen = false
    self.handler = nil
    held = []
    outcome = nil
    discardReceived()
    connection.deadlines.remove(self)
    if isQueued {
      isQueued = false
      connection.queuedCallEnded()
    }
    releaseStream()
    if soon {
      eventLoop.assumeIsolated().execute { handler.ended(status, trailers: trailers) }
    } else {
      handler.ended(status, trailers: trailers)
    }
  }

  /// Ends our side of a stream the server has ended, quietly if that takes no waiting; resets any
  /// other.
  private func releaseStream() {
    guard isAttached else { return }
    guard isRemoteEnded, !hasBufferedBytes, isLocalEnded || isChannelWritable else {
      return closeStream()
    }
    if !isLocalEnded {
      isLocalEnded = true
      writeEnd()
    }
  }

  // MARK: From the stream

  override func receivedHeaders(_ headers: HPACKHeaders) {
    guard isOpen else { return }
    if !hasResponseBegun {
      let httpStatus = headers.first(name: ":status") ?? ""
      // Informational responses precede the real one; with the end of the stream there is none.
      if httpStatus.hasPrefix("1"), !isRemoteEnded { return }
      hasResponseBegun = true
      guard httpStatus == "200" else {
        let status =
          Self.status(in: headers) ?? .fromHTTP(status: Int(httpStatus) ?? 0)
        return end(status, trailers: GRPCMetadata(headers.withoutPseudoHeaders()))
      }
      let contentType = headers.first(name: "content-type") ?? ""
      guard isGRPCContentType(contentType) else {
        return end(
          GRPCStatus(.unknown, "the server answered with content-type \"\(contentType)\""))
      }
      if !isRemoteEnded { return receivedInitialHeaders(headers) }
    }
    guard isRemoteEnded else { return }
    outcome = (
      Self.status(in: headers) ?? GRPCStatus(.unknown, "the server sent no grpc-status"),
      GRPCMetadata(headers.withoutPseudoHeaders())
    )
    deliver()
  }

  private func receivedInitialHeaders(_ headers: HPACKHeaders) {
    if let name = headers.first(name: "grpc-encoding") {
      guard let encoding = MessageEncoding(rawValue: name) else {
        return end(
          GRPCStatus(.internalError, "the server answered in the unknown grpc-encoding \"\(name)\"")
        )
      }
      inboundEncoding = encoding
    }
    handler?.receiveHeaders(GRPCMetadata(headers.withoutPseudoHeaders()))
  }

  override func receivedMessage(_ message: ByteBuffer) { handler?.receive(message) }

  override func receivedLastMessage() {
    if let outcome {
      end(outcome.status, trailers: outcome.trailers)
    } else {
      end(GRPCStatus(.internalError, "the server ended the stream without a grpc-status"))
    }
  }

  override func messagesBroken(_ status: GRPCStatus) {
    // A server that gave up in the middle of a message has said why.
    if let outcome, outcome.status.code != .ok {
      end(outcome.status, trailers: outcome.trailers)
    } else {
      end(status)
    }
  }

  override func writabilityMoved(_ isWritable: Bool) {
    if !isLocalEnded { handler?.writabilityChanged(isWritable) }
  }

  override func streamFailed(_ error: any Error) {
    if let reset = error as? NIOHTTP2Errors.StreamClosed {
      failure = .fromReset(reset.errorCode)
    } else {
      end(GRPCStatus(.internalError, "HTTP/2 error on the stream: \(error)"))
    }
  }

  override func streamClosed() {
    let session = self.session
    self.session = nil
    // When the server has ended the call and the caller does not read, the end waits for the
    // caller.
    if isOpen, !isRemoteEnded { end(lossStatus(session)) }
    session?.streamClosed()
  }

  /// Why the stream ended without the server's word.
  private func lossStatus(_ session: ClientSession?) -> GRPCStatus {
    guard let session, session.isConnected else {
      return GRPCStatus(.unavailable, "the connection to \(connection.target) was lost")
    }
    // The library reports streams the server's GOAWAY left out as if they had been cancelled.
    if session.hasLeftOut(self), failure?.code == .cancelled {
      return GRPCStatus(.unavailable, "the server at \(connection.target) is going away")
    }
    return failure ?? GRPCStatus(.unavailable, "the stream was closed")
  }

  private static func status(in headers: HPACKHeaders) -> GRPCStatus? {
    guard let text = headers.first(name: "grpc-status") else { return nil }
    let message = headers.first(name: "grpc-message").map(PercentCoding.decode) ?? ""
    guard let code = Int(text).flatMap(GRPCStatus.Code.init(rawValue:)) else {
      return GRPCStatus(.unknown, "grpc-status \(text): \(message)")
    }
    return GRPCStatus(code, message)
  }
}
