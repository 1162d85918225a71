import CloudstateProtocol
package import GRPCTransport
package import Logging
package import NIOCore

/// The connection of one event loop to the user function. Loop-bound.
package final class UserFunctionLink: FunctionLink {
  private let connection: GRPCClientConnection
  private let target: GRPCAddress
  private let streamDeadline: TimeAmount

  /// - Parameter connectTimeout: how long a stream waits for a function that is down before its commands
  ///   fail; queued commands survive a restart of the function that is faster.
  package init(
    target: GRPCAddress, eventLoop: any EventLoop, connectTimeout: TimeAmount,
    configuration: GRPCClientConfiguration, logger: Logger
  ) {
    self.target = target
    self.streamDeadline = connectTimeout
    self.connection = GRPCClientConnection(
      target: target, eventLoop: eventLoop, configuration: configuration, logger: logger)
  }

  package func openStream(
    path: String, handler: any GRPCClientStreamHandler
  ) -> any GRPCClientStream {
    connection.openStream(
      path: path, metadata: GRPCMetadata(), deadline: nil, waitForReady: true, handler: handler)
  }

  package func report(_ text: String) {
    var message = Cloudstate_UserFunctionError()
    message.message = text
    guard let bytes: [UInt8] = try? message.serializedBytes() else { return }
    // Best effort: some libraries answer this call with an error (protocol section 9.6).
    _ = connection.unary(
      path: "/cloudstate.EntityDiscovery/reportError", metadata: GRPCMetadata(),
      message: ByteBuffer(bytes: bytes), deadline: .now() + .seconds(10), waitForReady: false
    ) { _ in }
  }

  package func streamEnd(_ status: GRPCStatus) -> StreamEnd {
    status.code == .unavailable && !connection.isReady
      ? .unreachable("the user function at \(target) cannot be reached: \(status.message)") : .ended
  }
}
