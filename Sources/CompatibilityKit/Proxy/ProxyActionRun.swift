import CloudstateProtocol
import GRPCTransport
import SwiftProtobuf
import TCKProtocol

/// Carries out an action case through the proxy.
struct ProxyActionRun {
  private typealias Call = Conversation<
    Cloudstate_Tck_Model_Action_Request, Cloudstate_Tck_Model_Action_Response
  >

  private let proxy: ProxyUnderTest
  private let limit: Duration
  private var call: Call?
  private var connections: [ActionShape: RecordedConnection] = [:]
  /// The client's last step, for the report.
  private var last = ""

  init(proxy: ProxyUnderTest, limit: Duration) {
    self.proxy = proxy
    self.limit = limit
  }

  mutating func run(_ steps: [ProxyActionStep]) async throws(CaseFailure) {
    for step in steps { try await run(step) }
  }

  private mutating func run(_ step: ProxyActionStep) async throws(CaseFailure) {
    switch step {
    case .opens(let shape):
      last = "\(step)"
      call = Call(
        proxy.client, path: "/\(ActionMessages.service)/\(shape.methodName)", limit: limit)
    case .sends(let text):
      last = "\(step)"
      opened.send(ActionMessages.request(ofClient: groups(text)))
    case .halfCloses: opened.halfClose()
    case .gets, .getsEnd, .getsFailure:
      let received = await opened.next()
      guard matches(step, received) else {
        throw failure("the client \(step)", received.describe { "\"\($0.message)\"" })
      }
    case .posts(let text, let expected):
      last = "\(step)"
      let answer: HTTPAnswer
      do {
        answer = try await post(
          try ActionMessages.request(ofClient: groups(text)).jsonString(),
          to: "/tck/model/action/unary", at: proxy.httpAddress, within: limit)
      } catch { throw failure("an answer over HTTP", "\(error)") }
      if let found = expected.difference(from: answer) {
        throw failure(found.expected, found.received)
      }
    case .connection(let shape): connections[shape] = try await announced(shape)
    case .passes(let shape, let traffic): try await pass(traffic, shape)
    }
  }

  private func matches(_ step: ProxyActionStep, _ received: Call.Received) -> Bool {
    switch (step, received) {
    case (.gets(let text), .message(let response)):
      response == Cloudstate_Tck_Model_Action_Response.with { $0.message = text }
    case (.getsEnd, .end): true
    case (.getsFailure(let text), .failed(let status)): status.message == text
    default: false
    }
  }

  private func announced(_ shape: ActionShape) async throws(CaseFailure) -> RecordedConnection {
    let expected = "a call of \(shape.rawValue)"
    guard let connection = await proxy.interceptor.connections.next(within: limit) else {
      throw failure(expected, "none within \(limit)")
    }
    guard connection.path == ActionMessages.path(shape) else {
      throw failure(expected, "a call of \(connection.path)")
    }
    return connection
  }

  private func pass(
    _ traffic: ProxyActionStep.Traffic, _ shape: ActionShape
  ) async throws(CaseFailure) {
    guard let connection = connections[shape] else {
      preconditionFailure("the steps take no call of \(shape)")
    }
    switch traffic {
    case .call(let text):
      try await expect(ActionMessages.call(shape, groups(text)), traffic, connection)
    case .header: try await expect(ActionMessages.header(shape), traffic, connection)
    case .request(let text):
      try await expect(ActionMessages.request(groups(text)), traffic, connection)
    case .callTwo(let id): try await expect(ActionMessages.callTwo(id), traffic, connection)
    case .proxyEnds:
      let event = await connection.incoming.next(within: limit)
      guard case .completed = event else { throw failure("\(traffic)", describe(event)) }
    case .proxyCancels:
      let event = await connection.incoming.next(within: limit)
      guard case .failed = event else { throw failure("\(traffic)", describe(event)) }
    case .response(let text): try await expect(response(text), connection)
    case .functionEnds:
      let event = await connection.outgoing.next(within: limit)
      guard case .completed = event else { throw failure("\(traffic)", describe(event)) }
    }
  }

  private func expect(
    _ expected: Cloudstate_Action_ActionCommand, _ traffic: ProxyActionStep.Traffic,
    _ connection: RecordedConnection
  ) async throws(CaseFailure) {
    let event = await connection.incoming.next(within: limit)
    guard case .message(let bytes) = event,
      let received = try? Cloudstate_Action_ActionCommand(decoding: bytes)
    else { throw failure("\(traffic)", describe(event)) }
    let canonical = ActionMessages.canonical(received)
    guard canonical == expected else {
      throw failure("\(traffic)", ActionMessages.describe(canonical))
    }
  }

  private func expect(
    _ expected: ExpectedResponse, _ connection: RecordedConnection
  ) async throws(CaseFailure) {
    let event = await connection.outgoing.next(within: limit)
    let message = ActionMessages.expected(expected)
    guard case .message(let bytes) = event,
      let received = try? Cloudstate_Action_ActionResponse(decoding: bytes)
    else { throw failure("out \(ActionMessages.describe(message))", describe(event)) }
    let found = difference(
      expected: message,
      received: ActionMessages.withoutMetadata(ActionMessages.canonical(received)),
      describe: ActionMessages.describe)
    if let found { throw failure("out \(found.expected)", "out \(found.received)") }
  }

  /// A mistake in a case of this module is a bug.
  private func groups(_ text: String) -> [ActionGroup] {
    do {
      guard let groups = try ActionScript(sending: text, expecting: "").requests.first else {
        preconditionFailure("'\(text)' is no request")
      }
      return groups
    } catch { preconditionFailure("\(error)") }
  }

  private func response(_ text: String) -> ExpectedResponse {
    do {
      guard let response = try ActionScript(sending: "", expecting: text).responses.first else {
        preconditionFailure("'\(text)' is no response")
      }
      return response
    } catch { preconditionFailure("\(error)") }
  }

  private func failure(_ expected: String, _ received: String) -> CaseFailure {
    CaseFailure(step: last, expected: expected, received: received)
  }

  private var opened: Call {
    guard let call else { preconditionFailure("the steps open no call") }
    return call
  }
}
