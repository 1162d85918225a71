import CloudstateProtocol
import GRPCTransport
import NIOCore
import SwiftProtobuf
import TCKProtocol
import Testing

@testable import CompatibilityKit

/// A proxy that is wrong in one way fails with what differs.
@Suite struct WrongProxyTests {
  private typealias Request = Cloudstate_Tck_Model_Action_Request
  private typealias Response = Cloudstate_Tck_Model_Action_Response

  /// Calls the action of the model as a proxy has to.
  private static func callAction(
    _ request: ByteBuffer, _ function: GRPCAsyncClient,
    change: (inout Cloudstate_Action_ActionCommand) -> Void = { _ in }
  ) async throws -> Response {
    var command = ActionMessages.header(.unary)
    command.payload = packed(try Request(decoding: request))
    change(&command)
    let answer = try await function.unary(
      path: ActionMessages.path(.unary), message: command.encoded, timeout: .seconds(20))
    let response = try Cloudstate_Action_ActionResponse(decoding: answer.message)
    if case .failure(let failure) = response.response {
      throw GRPCStatus(.unknown, failure.description_p)
    }
    return try Response(serializedBytes: response.reply.payload.value)
  }

  private func failure(_ outcome: CaseOutcome?) throws -> CaseFailure {
    guard case .failed(let failure) = try #require(outcome) else {
      throw NotationError(description: "\(String(describing: outcome))")
    }
    return failure
  }

  @Test("A proxy that does what it has to passes, also with metadata of its own")
  func right() async throws {
    let outcomes = try await results(
      ofProxy: { _, request, function in
        try await Self.callAction(request, function) {
          $0.metadata.entries = [.with { $0.key = "x" }]
        }
      }, only: ["AP1", "AP7"])
    #expect(outcomes == ["AP1": .passed, "AP7": .passed])
  }

  @Test("Another answer, a missing call and a changed text are found")
  func otherAnswers() async throws {
    let silent = try await results(
      ofProxy: { _, _, _ in Response.with { $0.message = "one" } }, only: ["AP1"],
      limit: .seconds(1))
    #expect(try failure(silent["AP1"]).expected == "a call of handleUnary")
    let wrong = try await results(
      ofProxy: { _, request, function in
        do {
          _ = try await Self.callAction(request, function)
          return Response.with { $0.message = "two" }
        } catch let status as GRPCStatus {
          throw GRPCStatus(.unknown, "Oops: \(status.message)")
        }
      }, only: ["AP1", "AP7"])
    #expect(try failure(wrong["AP1"]).received == "\"two\"")
    #expect(
      try failure(wrong["AP7"])
        == CaseFailure(
          step: "sends fail(expected failure)",
          expected: "the client gets the error \"expected failure\"",
          received: "the gRPC error unknown (2): Oops: expected failure"))
  }

  @Test("A call too many is found, and does not disturb the next case")
  func extraCall() async throws {
    let outcomes = try await results(
      ofProxy: { _, request, function in
        let response = try await Self.callAction(request, function)
        _ = try await Self.callAction(request, function)
        return response
      }, only: ["AP1", "AP7"])
    #expect(try failure(outcomes["AP1"]).expected == "no further call")
    #expect(outcomes["AP7"] == .passed)
  }

  @Test("A call with another name is found")
  func otherName() async throws {
    let outcomes = try await results(
      ofProxy: { _, request, function in
        // The model answers UNIMPLEMENTED, but what the client gets here is right.
        _ = try? await Self.callAction(request, function) { $0.name = "Process" }
        return Response.with { $0.message = "one" }
      }, only: ["AP1"])
    let failure = try failure(outcomes["AP1"])
    #expect(failure.expected == "in call reply(one)")
    #expect(failure.received.hasPrefix("cloudstate.tck.model.action.ActionTckModel/Process, <"))
  }

  @Test("A value entity that is activated without a state is found")
  func missingState() async throws {
    let outcomes = try await results(
      ofProxy: { _, request, function in
        let call = function.bidirectional(path: ValueEntityMessages.path)
        var start = ValueEntityMessages.start(EntityStart(), entityID: "entity-1")
        start.init_p.clearState()
        call.send(start.encoded)
        call.send(
          ValueEntityMessages.command(id: 1, actions: [], entityID: "entity-1").encoded)
        var answers = call.messages.makeAsyncIterator()
        _ = try await answers.next()
        return Cloudstate_Tck_Model_Valueentity_Response()
      }, only: ["VEP1"])
    let service = ValueEntityMessages.service
    #expect(
      try failure(outcomes["VEP1"])
        == CaseFailure(
          step: "after call \(service)/Process",
          expected: "the proxy to send I of \(service), entity-1",
          received: "I of \(service), entity-1 without state"))
  }

  @Test("What the proxy says of itself is compared, its types as a set")
  func info() async throws {
    var info = Cloudstate_ProxyInfo()
    info.protocolMinorVersion = 2
    info.supportedEntityTypes = supportedTypes.reversed()
    let puppet: Puppet = { _, _, _ in Response() }
    #expect(try await results(ofProxy: puppet, info: info, only: ["D1"]) == ["D1": .passed])
    info.supportedEntityTypes.append("more")
    let more = try await results(ofProxy: puppet, info: info, only: ["D1"])
    #expect(try failure(more["D1"]).received.hasSuffix(", more"))
    info.protocolMinorVersion = 3
    let later = try await results(ofProxy: puppet, info: info, only: ["D1"])
    #expect(try failure(later["D1"]).received == "protocol 0.3")
  }
}
