import CloudstateProtocol
import GRPCTransport
import SwiftProtobuf
import TCKProtocol
import TestSupport
import Testing

@testable import CompatibilityKit

/// The cases over HTTP, with a proxy in miniature.
@Suite struct HTTPCasesTests {
  private typealias Request = Cloudstate_Tck_Model_Action_Request

  /// - Parameter serve: Makes what serves HTTP out of the connection to the user function.
  private func outcome(
    _ id: String, limit: Duration = .seconds(3),
    serve: @escaping @Sendable (GRPCAsyncClient) -> HTTPPuppet
  ) async throws -> CaseOutcome? {
    try await results(
      ofProxy: { _, _, _ in throw GRPCStatus(.unimplemented) }, http: serve, only: [id],
      limit: limit)[id]
  }

  /// What a right proxy does for AP9, then changed.
  private func actionOutcome(
    _ change: @escaping @Sendable (HTTPAnswer) -> HTTPAnswer
  ) async throws -> CaseOutcome? {
    try await outcome("AP9") { function in
      { path, body in
        do {
          guard path == "POST /tck/model/action/unary" else {
            return HTTPAnswer(status: 404)
          }
          var command = ActionMessages.header(.unary)
          command.payload = packed(try Request(jsonString: body))
          let answer = try await function.unary(
            path: ActionMessages.path(.unary), message: command.encoded)
          let response = try Cloudstate_Action_ActionResponse(decoding: answer.message)
          if case .failure(let failure) = response.response {
            return change(
              HTTPAnswer(
                status: 500, contentType: "text/plain", body: failure.description_p))
          }
          let text = ActionMessages.vocabulary.response.text(response.reply.payload) ?? ""
          return change(
            HTTPAnswer(
              status: 200, contentType: "application/json", body: "{\"message\":\"\(text)\"}"))
        } catch {
          return HTTPAnswer(status: 502, contentType: "text/plain", body: "\(error)")
        }
      }
    }
  }

  @Test("AP9: an action over HTTP")
  func action() async throws {
    #expect(try await actionOutcome { $0 } == .passed)
  }

  @Test(
    "AP9: another status, type or text is found",
    arguments: [
      (HTTPAnswer(status: 201), "201 application/json {\"message\":\"foo\"}"),
      (HTTPAnswer(contentType: "text/json"), "200 text/json {\"message\":\"foo\"}"),
      (
        HTTPAnswer(body: "{\"message\": \"foo\"}"), "200 application/json {\"message\": \"foo\"}"
      ),
    ])
  func wrongAction(change: HTTPAnswer, received: String) async throws {
    let outcome = try await actionOutcome { answer in
      var answer = answer
      if change.status != 0 { answer.status = change.status }
      if !change.contentType.isEmpty { answer.contentType = change.contentType }
      if !change.body.isEmpty { answer.body = change.body }
      return answer
    }
    #expect(
      outcome
        == .failed(
          CaseFailure(
            step: "posts reply(foo), gets \"foo\"",
            expected: "200 application/json {\"message\":\"foo\"}", received: received)))
  }

  @Test("AP9: a failure with another status is found")
  func wrongFailure() async throws {
    let outcome = try await actionOutcome { answer in
      var answer = answer
      if answer.status == 500 { answer.status = 400 }
      return answer
    }
    guard case .failed(let failure) = outcome else {
      Issue.record("\(String(describing: outcome))")
      return
    }
    #expect(failure.expected == "500 boom")
    #expect(failure.received == "400 text/plain boom")
  }

  @Test("ESP4: an event sourced entity over HTTP, rebuilt after a failure")
  func eventSourced() async throws {
    let outcome = try await outcome("ESP4") { function in
      let puppet = EntityPuppet(
        EventSourcedMessages.self, function: function, entityID: "entity-1",
        events: { output in
          output.reply.events.map { EventSourcedMessages.vocabulary.describe(stored: $0) }
        }, action: { $0.reply.clientAction })
      return { path, body in
        await served(path, model: "/tck/model/eventsourced/entity-1", puppet) {
          var request = try Cloudstate_Tck_Model_Request(jsonString: body)
          request.id = "entity-1"
          return request
        }
      }
    }
    #expect(outcome == .passed)
  }

  @Test("VEP4: a value entity over HTTP")
  func value() async throws {
    let outcome = try await outcome("VEP4") { function in
      let puppet = EntityPuppet(
        ValueEntityMessages.self, function: function, entityID: "entity-1", events: { _ in [] },
        action: { $0.reply.clientAction })
      return { path, body in
        await served(path, model: "/tck/model/entity/entity-1", puppet) {
          var request = try Cloudstate_Tck_Model_Valueentity_Request(jsonString: body)
          request.id = "entity-1"
          return request
        }
      }
    }
    #expect(outcome == .passed)
  }

  @Test("Nobody answers")
  func silence() async throws {
    let outcome = try await outcome("VEP4", limit: .milliseconds(200)) { _ in
      { _, _ in
        try? await Task.sleep(for: .seconds(30))
        return HTTPAnswer(status: 200)
      }
    }
    guard case .failed(let failure) = outcome else {
      Issue.record("\(String(describing: outcome))")
      return
    }
    #expect(failure.expected == "an answer over HTTP")
  }
}

/// Finds the service of a path, and has the puppet answer.
private func served<Messages: EntityMessages>(
  _ path: String, model: String, _ puppet: EntityPuppet<Messages>, request: () throws -> any Message
) async -> HTTPAnswer {
  let role: ServiceRole? =
    path == "POST \(model)"
    ? .model : path == "POST /\(Messages.service(.two))/Call" ? .two : nil
  guard let role else { return HTTPAnswer(status: 404, contentType: "text/plain", body: path) }
  do {
    return try await puppet.run(role, payload: packed(try request()))
  } catch {
    return HTTPAnswer(status: 502, contentType: "text/plain", body: "\(error)")
  }
}
