package import GRPCTransport
package import NIOCore

/// The user function as one event loop sees it: opens entity streams and takes reports. Loop-bound.
package protocol FunctionLink: AnyObject {
  /// - Parameter deadline: when the stream ends with DEADLINE_EXCEEDED; `nil` for none.
  func openStream(
    path: String, deadline: NIODeadline?, handler: any GRPCClientStreamHandler
  ) -> any GRPCClientStream
  /// Sends `reportError`, best effort (protocol section 2.1).
  func report(_ text: String)
  /// Tells a stream that was lost from one that never reached the function.
  func streamEnd(_ status: GRPCStatus) -> StreamEnd
}
