import CloudstateProtocol
import FoundationEssentials
import GRPCTransport
import NIOCore
import SwiftProtobuf

/// Carries out a script through the proxy: calls it, and compares what passes the interceptor.
struct ProxyEntityRun<Messages: EntityMessages> {
  private let proxy: ProxyUnderTest
  private let entityID: String
  private let limit: Duration

  private var connections: [ServiceRole: RecordedConnection] = [:]
  /// The client's last call, for the report.
  private var lastCall = ""
  private var restarts = false

  /// How long an idle entity of the configured service may stay (section 1.5).
  private let passivationLimit = Duration.seconds(2)

  init(_: Messages.Type, proxy: ProxyUnderTest, entityID: String, limit: Duration) {
    self.proxy = proxy
    self.entityID = entityID
    self.limit = limit
  }

  mutating func run(_ procedure: ProxyEntityProcedure) async throws(CaseFailure) {
    for step in procedure.script.steps { try await run(step) }
    let next = restarts ? procedure.ifRestarted : procedure.ifKept
    for step in next?.steps ?? [] { try await run(step) }
  }

  private mutating func run(_ step: ProxyEntityStep) async throws(CaseFailure) {
    switch step {
    case .call(let role, let actions, let result): try await call(role, actions, result)
    case .post(let role, let actions, let result): try await post(role, actions, result)
    case .connection(let role):
      connections[role] = try await announced(role)
      try await expectInput(
        Messages.start(EntityStart(), service: Messages.service(role), entityID: entityID), role)
    case .event(let sequence, let value):
      try await expectInput(Messages.event(sequence: sequence, value: value), .model)
    case .command(let role, let id, let actions):
      try await expectInput(
        Messages.command(role, id: id, actions: actions, entityID: entityID), role)
    case .reply(let role, let reply): try await expectOutput(reply, role)
    case .closed(let role): try await expectEnd(role)
    }
  }

  private mutating func call(
    _ role: ServiceRole, _ actions: [RequestedAction], _ result: ProxyEntityStep.Result
  ) async throws(CaseFailure) {
    let service = Messages.service(role)
    lastCall = "call \(service)/\(role.methodName)"
    let response = await proxy.client.unaryResult(
      path: "/\(service)/\(role.methodName)",
      message: Messages.request(actions, entityID: entityID).encoded, timeout: limit)
    switch (response, result) {
    case (.success(let response), .message(let text)):
      let expected = Messages.vocabulary.response.pack(text)
      var received = expected
      received.value = Data(response.message.readableBytesView)
      let canonical = Messages.vocabulary.canonical(received)
      if canonical != expected {
        let found = Messages.vocabulary.response.text(canonical).map { "\"\($0)\"" }
        throw failure("\"\(text)\"", found ?? "a message of another type")
      }
    case (.failure(let error), .failure(let text)):
      if error.status.message != text {
        throw failure("the error \"\(text)\"", "the gRPC error \(error.status)")
      }
    case (.failure(let error), .message(let text)):
      throw failure("\"\(text)\"", "the gRPC error \(error.status)")
    case (.success, .failure(let text)): throw failure("the error \"\(text)\"", "a reply")
    }
  }

  private mutating func post(
    _ role: ServiceRole, _ actions: [RequestedAction], _ result: ProxyEntityStep.Result
  ) async throws(CaseFailure) {
    // The model has a path of its own, with the id in it; the others have that of their method.
    let path =
      role == .model
      ? "\(Messages.httpPath)/\(entityID)" : "/\(Messages.service(role))/\(role.methodName)"
    lastCall = "POST \(path)"
    let request = Messages.request(actions, entityID: role == .model ? "" : entityID)
    let expected: HTTPExpectation =
      switch result {
      case .message(let text): .message(text)
      case .failure(let text): .failure(text)
      }
    let answer: HTTPAnswer
    do {
      answer = try await CompatibilityKit.post(
        try request.jsonString(), to: path, at: proxy.httpAddress, within: limit)
    } catch { throw failure("an answer over HTTP", "\(error)") }
    if let found = expected.difference(from: answer) {
      throw failure(found.expected, found.received)
    }
  }

  private func announced(_ role: ServiceRole) async throws(CaseFailure) -> RecordedConnection {
    let expected = "a call of \(Messages.path) for \(Messages.service(role))"
    guard let connection = await proxy.interceptor.connections.next(within: limit) else {
      throw failure(expected, "none within \(limit)")
    }
    guard connection.path == Messages.path else {
      throw failure(expected, "a call of \(connection.path)")
    }
    return connection
  }

  private func expectInput(
    _ expected: Messages.Input, _ role: ServiceRole
  ) async throws(CaseFailure) {
    let description = "the proxy to send \(Messages.describe(expected))"
    let event = await connections[role]?.incoming.next(within: limit)
    let received: Messages.Input = try decoded(event, description)
    let found = difference(
      expected: expected, received: Messages.canonical(received), describe: Messages.describe)
    if let found { throw failure("the proxy to send \(found.expected)", found.received) }
  }

  private mutating func expectOutput(
    _ reply: ExpectedReply, _ role: ServiceRole
  ) async throws(CaseFailure) {
    let event = await connections[role]?.outgoing.next(within: limit)
    let output: Messages.Output = try decoded(event, "an answer to C\(reply.commandID)")
    restarts = false
    if case .failure(_, .allowed) = reply.outcome { restarts = Messages.asksForRestart(output) }
    let found = difference(
      expected: Messages.expected(reply, entityID: entityID, restart: restarts),
      received: Messages.canonical(output), describe: Messages.describe)
    if let found { throw failure(found.expected, found.received) }
  }

  private mutating func expectEnd(_ role: ServiceRole) async throws(CaseFailure) {
    guard let connection = connections.removeValue(forKey: role) else {
      preconditionFailure("the script closes a connection that it did not take")
    }
    for (direction, queue) in [
      ("the proxy", connection.incoming), ("the user function", connection.outgoing),
    ] {
      let event = await queue.next(within: passivationLimit)
      guard case .completed = event else {
        throw failure("\(direction) to complete the stream", describe(event))
      }
    }
  }

  private func decoded<Content: Message>(
    _ event: RecordedConnection.Event?, _ expected: String
  ) throws(CaseFailure) -> Content {
    guard case .message(let bytes) = event else { throw failure(expected, describe(event)) }
    do { return try Content(decoding: bytes) } catch {
      throw failure(expected, "a message that cannot be read: \(error)")
    }
  }

  private func failure(_ expected: String, _ received: String) -> CaseFailure {
    CaseFailure(step: "after \(lastCall)", expected: expected, received: received)
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
