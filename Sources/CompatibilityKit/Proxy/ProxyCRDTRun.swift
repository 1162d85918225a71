import CloudstateProtocol
import GRPCTransport
import SwiftProtobuf
import TCKProtocol

/// Carries out a script about replicated entities through the proxy.
struct ProxyCRDTRun {
  private typealias Stream = Conversation<CRDTMessages.StreamedRequest, CRDTMessages.Response>

  private var watch: TrafficWatch
  private let entityID: String

  private var connections: [ServiceRole: RecordedConnection] = [:]
  private var streams: [String: Stream] = [:]

  /// How long a client that is to get nothing waits for it (section 8.12).
  private let quiet = Duration.milliseconds(100)

  init(proxy: ProxyUnderTest, entityID: String, limit: Duration) {
    watch = TrafficWatch(proxy: proxy, limit: limit)
    self.entityID = entityID
  }

  mutating func run(_ steps: [ProxyCRDTStep]) async throws(CaseFailure) {
    defer { for stream in streams.values { stream.cancel() } }
    for step in steps { try await run(step) }
  }

  private mutating func run(_ step: ProxyCRDTStep) async throws(CaseFailure) {
    switch step {
    case .call(let role, let request, let result): try await call(role, request, result)
    case .post(let role, let request, let expected): try await post(role, request, expected)
    case .open(let client, let request):
      watch.lastStep = "open \(client)"
      let path = "/\(CRDTMessages.service)/ProcessStreamed"
      let stream = Stream(watch.proxy.client, path: path, limit: watch.limit)
      stream.send(request)
      stream.halfClose()
      streams[client] = stream
    case .receives(let client, let response): try await receive(response, by: client)
    case .leaves(let client): try await leave(client)
    case .connection(let role):
      connections[role] = try await watch.announced(
        CRDTMessages.path, " for \(CRDTMessages.service(role))")
      try await expect(CRDTMessages.start(role, entityID: entityID), role)
    case .input(let role, let input): try await expect(input, role)
    case .output(let role, let output): try await expect(output, role)
    case .closed(let role):
      guard let connection = connections.removeValue(forKey: role) else {
        preconditionFailure("the script closes a connection that it did not take")
      }
      try await watch.expectEnd(of: connection)
    }
  }

  private mutating func call(
    _ role: ServiceRole, _ request: CRDTMessages.Request, _ result: ProxyCRDTStep.Result
  ) async throws(CaseFailure) {
    let path = "/\(CRDTMessages.service(role))/\(role.methodName)"
    watch.lastStep = "call \(path)"
    let answer = await watch.proxy.client.unaryResult(
      path: path, message: request.encoded, timeout: watch.limit)
    switch (answer, result) {
    case (.success(let message), .response(let expected)):
      guard let received = try? CRDTMessages.Response(decoding: message.message) else {
        throw watch.failure(describe(expected), "a message that cannot be read")
      }
      try compare(received, expected)
    case (.failure(let error), .failure(let text)) where error.status.message == text: break
    case (.failure(let error), .response(let expected)):
      throw watch.failure(describe(expected), "the gRPC error \(error.status)")
    case (.failure(let error), .failure(let text)):
      throw watch.failure("the error \"\(text)\"", "the gRPC error \(error.status)")
    case (.success, .failure(let text)): throw watch.failure("the error \"\(text)\"", "a reply")
    }
  }

  private mutating func post(
    _ role: ServiceRole, _ request: CRDTMessages.Request, _ expected: HTTPExpectation
  ) async throws(CaseFailure) {
    // The model has a path of its own, with the id in it; the others have that of their method.
    var request = request
    var path = "/\(CRDTMessages.service(role))/\(role.methodName)"
    if role == .model {
      path = "\(CRDTMessages.httpPath)/\(entityID)"
      request.id = ""
    }
    watch.lastStep = "POST \(path)"
    var options = JSONEncodingOptions()
    options.alwaysPrintInt64sAsNumbers = true
    let answer: HTTPAnswer
    do {
      answer = try await CompatibilityKit.post(
        try request.jsonString(options: options), to: path, at: watch.proxy.httpAddress,
        within: watch.limit)
    } catch { throw watch.failure("an answer over HTTP", "\(error)") }
    if let found = expected.difference(from: answer) {
      throw watch.failure(found.expected, found.received)
    }
  }

  private func receive(
    _ expected: CRDTMessages.Response, by client: String
  ) async throws(CaseFailure) {
    let received = await opened(client).next()
    guard case .message(let response) = received else {
      throw watch.failure(
        "client \(client) to get \(describe(expected))", received.describe(describe))
    }
    try compare(response, expected)
  }

  private mutating func leave(_ client: String) async throws(CaseFailure) {
    watch.lastStep = "\(client) leaves"
    let stream = opened(client)
    // Waiting in vain cancels the call.
    let received = await stream.next(within: quiet)
    guard case .silence = received else {
      throw watch.failure("no more for client \(client)", received.describe(describe))
    }
    streams[client] = nil
  }

  private func compare(
    _ received: CRDTMessages.Response, _ expected: CRDTMessages.Response
  ) throws(CaseFailure) {
    let found = difference(expected: expected, received: received, describe: describe)
    if let found { throw watch.failure(found.expected, found.received) }
  }

  private func expect(
    _ expected: CRDTMessages.Input, _ role: ServiceRole
  ) async throws(CaseFailure) {
    let description = "the proxy to send \(CRDTMessages.describe(expected))"
    let received: CRDTMessages.Input = try await watch.message(
      connections[role]?.incoming, description)
    let found = difference(
      expected: expected, received: CRDTMessages.canonical(received),
      describe: CRDTMessages.describe)
    if let found { throw watch.failure("the proxy to send \(found.expected)", found.received) }
  }

  private func expect(
    _ expected: CRDTMessages.Output, _ role: ServiceRole
  ) async throws(CaseFailure) {
    let received: CRDTMessages.Output = try await watch.message(
      connections[role]?.outgoing, CRDTMessages.describe(expected))
    let found = difference(
      expected: CRDTMessages.canonical(expected), received: CRDTMessages.canonical(received),
      describe: CRDTMessages.describe)
    if let found { throw watch.failure(found.expected, found.received) }
  }

  private func opened(_ client: String) -> Stream {
    guard let stream = streams[client] else {
      preconditionFailure("the script opens no stream of client \(client)")
    }
    return stream
  }

  private func describe(_ response: CRDTMessages.Response) -> String {
    response.hasState ? CompatibilityKit.describe(response.state) : "an empty response"
  }
}
