package import NIOCore

/// A client's way to one server, bound to one event loop: a connection that connects on demand,
/// reconnects with backoff, and multiplexes any number of streams (``GRPCClientConnection``), or none at
/// all for a server in the same process (``InProcessConnection``). All members are called on
/// ``eventLoop``.
package protocol GRPCClientTransport: AnyObject {
  var eventLoop: any EventLoop { get }

  /// Opens a stream. The answer is immediate: messages sent before the connection is up are held.
  /// Every stream ends with exactly one ``GRPCClientStreamHandler/ended(_:trailers:)``.
  ///
  /// - Parameter waitForReady: `false` fails with UNAVAILABLE at once when the connection is down
  ///   and waiting to be retried; `true` waits for it until the deadline.
  func openStream(
    path: String, metadata: GRPCMetadata, deadline: NIODeadline?, waitForReady: Bool,
    handler: any GRPCClientStreamHandler
  ) -> any GRPCClientStream

  /// Closes for good: every open or waiting call ends with UNAVAILABLE.
  func close()
}

/// One outgoing call, whatever its shape, as raw message bytes. Loop-bound like its transport.
package protocol GRPCClientStream: AnyObject {
  /// `false` while the peer's window or the connection is full, or before it is up.
  var isWritable: Bool { get }
  /// Whether the call has not begun, because there is no connection or no room on it.
  var isWaiting: Bool { get }
  func send(_ message: ByteBuffer)
  /// Half-closes: no more messages from this side.
  func sendEnd()
  /// Resets the stream; the handler still gets its `ended`, with CANCELLED.
  func cancel()
  /// As ``GRPCServerCall/setReading(_:)``.
  func setReading(_ reading: Bool)
}

/// What the owner of an outgoing call hears. Called on the transport's event loop only.
package protocol GRPCClientStreamHandler: AnyObject {
  func receiveHeaders(_ metadata: GRPCMetadata)
  func receive(_ message: ByteBuffer)
  func writabilityChanged(_ isWritable: Bool)
  /// The call is over; nothing follows.
  func ended(_ status: GRPCStatus, trailers: GRPCMetadata)
}

extension GRPCClientStreamHandler {
  package func receiveHeaders(_ metadata: GRPCMetadata) {}
  package func writabilityChanged(_ isWritable: Bool) {}
}
