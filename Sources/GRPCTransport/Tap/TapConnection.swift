package import Logging
package import NIOCore

/// Sends what a tap hears to a server elsewhere, over one call, in the order in which it was heard.
///
/// It waits for that server. When the call ends, or the server takes too little of it, the tap is over:
/// the services go on without.
///
/// @unchecked Sendable: all mutable state is touched on `eventLoop` only.
package final class TapConnection: CallTap, @unchecked Sendable {
  /// The method that takes the records, one to a message.
  package static let path = "/cloudstate.tck.Tap/Record"
  /// What may wait for a server that takes nothing, in bytes; more ends the tap.
  private static let maximumQueuedBytes = 16 * 1024 * 1024

  private let eventLoop: any EventLoop
  private let connection: GRPCClientConnection
  private let logger: Logger
  private var stream: (any GRPCClientStream)?
  /// Sent since the stream was last writable.
  private var queuedBytes = 0

  /// Connects, and keeps trying.
  package init(to address: GRPCAddress, eventLoop: any EventLoop, logger: Logger) {
    self.eventLoop = eventLoop
    self.logger = logger
    var configuration = GRPCClientConfiguration()
    configuration.maximumHeldBytes = Self.maximumQueuedBytes
    connection = GRPCClientConnection(
      target: address, eventLoop: eventLoop, configuration: configuration, logger: logger)
    eventLoop.execute { self.open() }
  }

  package func add(_ record: TapRecord) {
    // Also from the same event loop, so that no record overtakes another.
    eventLoop.execute { self.send(record.encoded) }
  }

  /// Ends the call and the connection.
  package func close() {
    eventLoop.execute {
      self.stream = nil
      self.connection.close()
    }
  }

  private func open() {
    stream = connection.openStream(
      path: Self.path, metadata: GRPCMetadata(), deadline: nil, waitForReady: true,
      handler: TapAnswer(self))
  }

  private func send(_ message: ByteBuffer) {
    guard let stream else { return }
    // A stream that waits has a bound of its own.
    queuedBytes = stream.isWritable || stream.isWaiting ? 0 : queuedBytes + message.readableBytes
    guard queuedBytes <= Self.maximumQueuedBytes else {
      return giveUp("\(queuedBytes) bytes wait; the limit is \(Self.maximumQueuedBytes)")
    }
    stream.send(message)
  }

  fileprivate func giveUp(_ reason: String) {
    guard let stream = stream.take() else { return }
    logger.warning(
      "the tap is over, calls are no longer recorded",
      metadata: ["target": "\(connection.target)", "reason": "\(reason)"])
    stream.cancel()
    connection.close()
  }
}

private final class TapAnswer: GRPCClientStreamHandler {
  private weak var tap: TapConnection?

  init(_ tap: TapConnection) { self.tap = tap }

  func receive(_ message: ByteBuffer) {}
  func ended(_ status: GRPCStatus, trailers: GRPCMetadata) { tap?.giveUp("\(status)") }
}
