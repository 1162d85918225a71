package import NIOCore

/// One incoming call, whatever its shape, as raw message bytes.
///
/// Everything of a call happens on ``eventLoop``: the transport calls the handler there, and the
/// handler calls the transport there. To act from elsewhere, hop first.
package protocol GRPCServerCall: AnyObject {
  var eventLoop: any EventLoop { get }
  /// `/package.Service/method`.
  var path: String { get }
  /// Request headers without pseudo headers.
  var metadata: GRPCMetadata { get }
  /// When the caller stops waiting (`grpc-timeout`), if it said so.
  var deadline: NIODeadline? { get }
  /// The other end of the call's connection.
  var peer: ConnectionPeer { get }
  /// `false` while the peer's flow-control window or the connection is full. A handler that
  /// produces many messages stops until ``GRPCServerCallHandler/writabilityChanged(_:)``.
  var isWritable: Bool { get }

  /// Response headers; optional, legal once, before the first message.
  func sendHeaders(_ metadata: GRPCMetadata)
  func send(_ message: ByteBuffer)
  /// Ends the call. Nothing may be sent afterwards; a second finish is ignored.
  func finish(_ status: GRPCStatus, trailers: GRPCMetadata)
  /// Stops (`false`) or goes on (`true`) reading messages. While stopped, the HTTP/2 window is not
  /// refilled, so a fast sender is held back by flow control.
  func setReading(_ reading: Bool)
}

extension GRPCServerCall {
  /// Nothing is known of a peer inside the process.
  package var peer: ConnectionPeer { ConnectionPeer() }

  package func finish(_ status: GRPCStatus) { finish(status, trailers: GRPCMetadata()) }
}

/// What a service does with one call. Called on the call's event loop only.
package protocol GRPCServerCallHandler: AnyObject {
  /// One complete, decompressed request message.
  func receive(_ message: ByteBuffer)
  /// The client sent its last message.
  func receiveEnd()
  func writabilityChanged(_ isWritable: Bool)
  /// The call is over before the handler finished it: cancelled by the client, its deadline passed
  /// (the transport has already answered) or its connection broke. Not called after ``finish``.
  func cancelled(_ status: GRPCStatus)
}

/// Chooses the handler of a call. Shared by all connections, hence called on many event loops.
package protocol GRPCServerRouter: Sendable {
  /// Answers the handler for a call whose headers have just arrived, or `nil` if no service has
  /// this path: the transport then answers UNIMPLEMENTED.
  func handler(for call: any GRPCServerCall) -> (any GRPCServerCallHandler)?
}
