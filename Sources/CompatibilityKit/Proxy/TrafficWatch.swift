import CloudstateProtocol
import GRPCTransport
import NIOCore
import SwiftProtobuf

/// Compares what passes the interceptor with what a case expects, and says after which step of the
/// client something else came.
struct TrafficWatch {
  let proxy: ProxyUnderTest
  let limit: Duration
  /// The client's last step.
  var lastStep = ""

  /// How long an idle entity of a configured service may stay (section 1.5).
  private let passivationLimit = Duration.seconds(2)

  init(proxy: ProxyUnderTest, limit: Duration) {
    self.proxy = proxy
    self.limit = limit
  }

  /// The next call of the proxy, which has to be one of this method.
  func announced(_ path: String, _ what: String) async throws(CaseFailure) -> RecordedConnection {
    let expected = "a call of \(path)\(what)"
    guard let connection = await proxy.interceptor.connections.next(within: limit) else {
      throw failure(expected, "none within \(limit)")
    }
    guard connection.path == path else { throw failure(expected, "a call of \(connection.path)") }
    return connection
  }

  /// The next message of one direction.
  func message<Content: Message>(
    _ queue: EventQueue<RecordedConnection.Event>?, _ expected: String
  ) async throws(CaseFailure) -> Content {
    let event = await queue?.next(within: limit)
    guard case .message(let bytes) = event else { throw failure(expected, describe(event)) }
    do { return try Content(decoding: bytes) } catch {
      throw failure(expected, "a message that cannot be read: \(error)")
    }
  }

  /// Both directions have to end well.
  func expectEnd(of connection: RecordedConnection) async throws(CaseFailure) {
    for (direction, queue) in [
      ("the proxy", connection.incoming), ("the user function", connection.outgoing),
    ] {
      let event = await queue.next(within: passivationLimit)
      guard case .completed = event else {
        throw failure("\(direction) to complete the stream", describe(event))
      }
    }
  }

  func failure(_ expected: String, _ received: String) -> CaseFailure {
    CaseFailure(step: "after \(lastStep)", expected: expected, received: received)
  }
}

/// What the interceptor saw, for people.
func describe(_ event: RecordedConnection.Event?) -> String {
  switch event {
  case .message(let bytes): "a message of \(bytes.readableBytes) bytes"
  case .completed: "the end of the stream"
  case .failed(let status): "the end of the stream with \(status)"
  case nil: "nothing in time"
  }
}
