import CloudstateProtocol
package import GRPCTransport
package import Logging
package import NIOCore
import SwiftProtobuf

/// The connection of one event loop to the user function. Loop-bound.
package final class UserFunctionLink: FunctionLink {
  private let transport: any GRPCClientTransport
  private let place: FunctionPlace
  private let connectTimeout: TimeAmount
  private var isReady = false
  private var wasReady = false
  private let reconnected: @Sendable () -> Void

  /// - Parameters:
  ///   - connectTimeout: how long a stream waits for a function that is down before its commands fail;
  ///     commands survive a restart of the function that is faster.
  ///   - reconnected: called on the event loop when the connection is back after a loss.
  package init(
    place: FunctionPlace, eventLoop: any EventLoop, connectTimeout: TimeAmount,
    configuration: GRPCClientConfiguration, logger: Logger,
    reconnected: @escaping @Sendable () -> Void
  ) {
    self.place = place
    self.connectTimeout = connectTimeout
    self.reconnected = reconnected
    switch place {
    case .address(let target):
      let connection = GRPCClientConnection(
        target: target, eventLoop: eventLoop, configuration: configuration, logger: logger)
      transport = connection
      connection.onStateChange = { [weak self] state in self?.stateChanged(state) }
    case .embedded(let router):
      var bounds = InProcessConfiguration()
      bounds.maximumMessageBytes = configuration.maximumMessageBytes
      transport = InProcessConnection(
        router: router, eventLoop: eventLoop, configuration: bounds)
      isReady = true
    }
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
    let stream = transport.openStream(
      path: path, metadata: GRPCMetadata(), deadline: deadline, waitForReady: true,
      handler: handler)
    if !isReady {
      // Streams of a function that stays away must not wait for ever.
      transport.eventLoop.assumeIsolated().scheduleTask(in: connectTimeout) {
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
      : .unreachable("the user function \(place) cannot be reached (\(status.message))")
  }

  /// Calls `EntityDiscovery.discover` and hands over the raw answer.
  func discover(
    _ proxy: Cloudstate_ProxyInfo, timeout: TimeAmount,
    completion: @escaping (Result<ByteBuffer, GRPCStatus>) -> Void
  ) {
    call("discover", proxy, timeout: timeout, waitForReady: false, completion: completion)
  }

  func close() {
    isReady = false
    transport.close()
  }

  private func call(
    _ method: String, _ message: some SwiftProtobuf.Message, timeout: TimeAmount,
    waitForReady: Bool, completion: @escaping (Result<ByteBuffer, GRPCStatus>) -> Void
  ) {
    _ = transport.unary(
      path: "/cloudstate.EntityDiscovery/\(method)", metadata: GRPCMetadata(),
      message: message.encoded, deadline: .now() + timeout, waitForReady: waitForReady
    ) { result in completion(result.map(\.message)) }
  }
}
