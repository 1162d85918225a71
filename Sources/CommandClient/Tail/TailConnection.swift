import CloudstateProtocol
import GRPCTransport
import NIOCore
import SwiftProtobuf

/// One `tail` call on one connection: decodes what arrives and ends the call when it is told to, when
/// the server falls silent, or when the server ends it. Loop-bound like its transport.
final class TailConnection: GRPCClientStreamHandler {
  /// How a call ended.
  enum End: Sendable {
    /// The server has sent everything that was asked for.
    case complete
    /// `onResponse` asked for the end.
    case stopped
    /// The connection or the server failed.
    case failed(GRPCStatus)
  }

  typealias Response = Cloudstate_Streams_TailResponse

  /// Servers show at least this often that they live (see the heartbeats of `TailSettings`); this
  /// leaves room for three lost ones.
  static let longestSilence = TimeAmount.seconds(20)

  private let eventLoop: any EventLoop
  /// The request asked for an end; from any other call an end is a failure.
  private let expectsEnd: Bool
  private let onResponse: (Response) -> Bool
  private var completion: ((End) -> Void)?
  private var stream: (any GRPCClientStream)?
  private var lastHeard = NIODeadline.now()
  private var watchdog: RepeatedTask?

  private init(
    eventLoop: any EventLoop, expectsEnd: Bool, onResponse: @escaping (Response) -> Bool,
    completion: @escaping (End) -> Void
  ) {
    self.eventLoop = eventLoop
    self.expectsEnd = expectsEnd
    self.onResponse = onResponse
    self.completion = completion
  }

  /// Begins a call; called on the transport's event loop, where all closures are called.
  ///
  /// - Parameters:
  ///   - onResponse: takes one message; `false` ends the call.
  ///   - completion: called exactly once.
  /// - Returns: the connection, to be stopped from outside.
  static func begin(
    on transport: any GRPCClientTransport, request: Cloudstate_Streams_TailRequest,
    onResponse: @escaping (Response) -> Bool, completion: @escaping (End) -> Void
  ) -> TailConnection {
    let connection = TailConnection(
      eventLoop: transport.eventLoop, expectsEnd: request.endAtCurrent, onResponse: onResponse,
      completion: completion)
    connection.open(on: transport, request)
    return connection
  }

  /// Ends the call from outside.
  func stop() { end(.stopped) }

  func receiveHeaders(_ metadata: GRPCMetadata) { lastHeard = .now() }

  func receive(_ message: ByteBuffer) {
    guard completion != nil else { return }
    lastHeard = .now()
    guard let response = try? Response(decoding: message) else {
      return end(.failed(GRPCStatus(.internalError, "an event cannot be decoded")))
    }
    if !onResponse(response) { end(.stopped) }
  }

  func ended(_ status: GRPCStatus, trailers: GRPCMetadata) {
    stream = nil
    switch status.code {
    case .ok where expectsEnd: end(.complete)
    case .ok: end(.failed(GRPCStatus(.unavailable, "the server ended the call")))
    default: end(.failed(status))
    }
  }

  private func open(
    on transport: any GRPCClientTransport, _ request: Cloudstate_Streams_TailRequest
  ) {
    let stream = transport.openStream(
      path: "/cloudstate.streams.EventStreams/tail", metadata: GRPCMetadata(), deadline: nil,
      waitForReady: false, handler: self)
    self.stream = stream
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    watchdog = eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
      bound.value.checkSilence()
    }
    stream.send(request.encoded)
    stream.sendEnd()
  }

  private func checkSilence() {
    guard NIODeadline.now() >= lastHeard + Self.longestSilence else { return }
    let seconds = Self.longestSilence.nanoseconds / 1_000_000_000
    end(.failed(GRPCStatus(.unavailable, "nothing was heard for \(seconds) s")))
  }

  private func end(_ end: End) {
    guard let completion else { return }
    self.completion = nil
    watchdog?.cancel()
    watchdog = nil
    stream?.cancel()
    stream = nil
    completion(end)
  }
}
