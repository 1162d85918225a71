import CloudstateProtocol
import FoundationEssentials
import GRPCTransport
import NIOCore
import SwiftProtobuf

/// Carries out a script through the proxy: calls it, and compares what passes the interceptor.
struct ProxyEntityRun<Messages: EntityMessages> {
  private var watch: TrafficWatch
  private let entityID: String

  private var connections: [ServiceRole: RecordedConnection] = [:]
  private var restarts = false

  init(_: Messages.Type, proxy: ProxyUnderTest, entityID: String, limit: Duration) {
    watch = TrafficWatch(proxy: proxy, limit: limit)
    self.entityID = entityID
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
      connections[role] = try await watch.announced(
        Messages.path, " for \(Messages.service(role))")
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
    watch.lastStep = "call \(service)/\(role.methodName)"
    let response = await watch.proxy.client.unaryResult(
      path: "/\(service)/\(role.methodName)",
      message: Messages.request(actions, entityID: entityID).encoded, timeout: watch.limit)
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
    watch.lastStep = "POST \(path)"
    let request = Messages.request(actions, entityID: role == .model ? "" : entityID)
    let expected: HTTPExpectation =
      switch result {
      case .message(let text): .message(text)
      case .failure(let text): .failure(text)
      }
    let answer: HTTPAnswer
    do {
      answer = try await CompatibilityKit.post(
        try request.jsonString(), to: path, at: watch.proxy.httpAddress, within: watch.limit)
    } catch { throw failure("an answer over HTTP", "\(error)") }
    if let found = expected.difference(from: answer) {
      throw failure(found.expected, found.received)
    }
  }

  private func expectInput(
    _ expected: Messages.Input, _ role: ServiceRole
  ) async throws(CaseFailure) {
    let description = "the proxy to send \(Messages.describe(expected))"
    let received: Messages.Input = try await watch.message(
      connections[role]?.incoming, description)
    let found = difference(
      expected: expected, received: Messages.canonical(received), describe: Messages.describe)
    if let found { throw failure("the proxy to send \(found.expected)", found.received) }
  }

  private mutating func expectOutput(
    _ reply: ExpectedReply, _ role: ServiceRole
  ) async throws(CaseFailure) {
    let output: Messages.Output = try await watch.message(
      connections[role]?.outgoing, "an answer to C\(reply.commandID)")
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
    try await watch.expectEnd(of: connection)
  }

  private func failure(_ expected: String, _ received: String) -> CaseFailure {
    watch.failure(expected, received)
  }
}
