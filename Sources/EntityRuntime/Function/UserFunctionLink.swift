import CloudstateProtocol
package import GRPCTransport
package import Logging
package import NIOCore
import SwiftProtobuf

/// The connection of one event loop to the user function. Loop-bound.
package final class UserFunctionLink: FunctionLink {
  private let connection: GRPCClientConnection
  private let target: GRPCAddress
  private let connectTimeout: TimeAmount
  private var isReady = false
  private var wasReady = false
  private let reconnected: @Sendable () -> Void

  /// - Parameters:
  ///   - connectTimeout: how long a stream waits for a function that is down before its commands fail;
  ///     commands survive a restart of the function that is faster.
  ///   - reconnected: called on the event loop when the connection is back after a loss.
  package init(
    target: GRPCAddress, eventLoop: any EventLoop, connectTimeout: TimeAmount,
    configuration: GRPCClientConfiguration, logger: Logger,
    reconnected: @escaping @Sendable () -> Void
  ) {
    self.target = target
    self.connectTimeout = connectTimeout
    self.reconnected = reconnected
    self.connection = GRPCClientConnection(
      target: target, eventLoop: eventLoop, configuration: configuration, logger: logger)
    connection.onStateChange = { [weak self] state in self?.stateChanged(state) }
  }

  private func stateChanged(_ state: GRPCConnectivity) {
    isReady = state == .ready
    guard isReady else { return }
    if wasReady { reconnected() }
    wasReady = true
  }

  package func openStream(
    path: String, deadline: NIODeadline?, handler: any GRPCClientStreamHandler
  ) -> any GRPCClientStream {
    let stream = connection.openStream(
      path: path, metadata: GRPCMetadata(), deadline: deadline, waitForReady: true,
      handler: handler)
    if !isReady {
      // Streams of a function that stays away must not wait for ever.
      connection.eventLoop.assumeIsolated().scheduleTask(in: connectTimeout) {
        if stream.isWaiting { stream.cancel() }
      }
    }
    return stream
  }

  package func report(_ text: String) { report(text, timeout: .seconds(10)) {} }

  /// Sends `reportError` and calls `completion` when the function has taken it, or has not.
  func report(_ text: String, timeout: TimeAmount, completion: @escaping () -> Void) {
    var message = Cloudstate_UserFunctionError()
    message.message = text
    // Best effort: some libraries answer this call with an error (protocol section 9.6).
    call("reportError", message, timeout: timeout, waitForReady: false) { _ in completion() }
  }

  package func streamEnd(_ status: GRPCStatus) -> StreamEnd {
    isReady
      ? .ended
      : .unreachable("the user function at \(target) cannot be reached (\(status.message))")
  }

  /// Calls `EntityDiscovery.discover` and hands over the raw answer.
  func discover(
    _ proxy: Cloudstate_ProxyInfo, timeout: TimeAmount,
    completion: @escaping (Result<ByteBuffer, GRPCStatus>) -> Void
  ) {
    call("discover", proxy, timeout: timeout, waitForReady: false, completion: completion)
  }

  func close() { connection.close() }

  private func call(
    _ method: String, _ message: some SwiftProtobuf.Message, timeout: TimeAmount,
    waitForReady: Bool, completion: @escaping (Result<ByteBuffer, GRPCStatus>) -> Void
  ) {
    _ = connection.unary(
      path: "/cloudstate.EntityDiscovery/\(method)", metadata: GRPCMetadata(),
      message: message.encoded, deadline: .now() + timeout, waitForReady: waitForReady
    ) { result in completion(result.map(\.message)) }
  }
}
