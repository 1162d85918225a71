import AccessControl
import CloudstateProtocol
import GRPCTransport
import Ingress
import NIOCore
import SwiftProtobuf
import Testing

/// The service that explains access.
@Suite struct AccessServiceTests {
  private let authenticator: Authenticator

  init() throws {
    authenticator = try access(
      "ada", lines: "rules: [{who: ada, allow: [admin cs.admin.auth.check, send cs.cmd.shop.*]}]")
  }

  private func check(
    _ subject: String, as name: String, rights: AccessRights, controlled: Bool = true
  ) throws -> RecordedCall {
    let service = AccessService(authenticator: controlled ? authenticator : nil)
    let call = RecordedCall("/cloudstate.admin.Access/check")
    let handler = try #require(service.handler(for: call, rights: rights))
    guard call.status == nil else { return call }
    handler.receive(
      Cloudstate_Admin_AccessCheckRequest.with {
        $0.name = name
        $0.subject = subject
      }.encoded)
    return call
  }

  private func response(_ call: RecordedCall) throws -> Cloudstate_Admin_AccessCheckResponse {
    try Cloudstate_Admin_AccessCheckResponse(decoding: #require(call.sent.first))
  }

  @Test("Who may ask gets the decision and what each rule says")
  func explains() throws {
    let rights = authenticator.settings.file.policy.rights(
      of: Principal(name: "ada", proof: .token))
    let allowed = try check("cs.cmd.shop.Get", as: "ada", rights: rights)
    #expect(allowed.status == .ok)
    let response = try response(allowed)
    #expect(response.allowed && response.rule == 1 && response.action == "send")
    #expect(response.permission == "send cs.cmd.shop.*")
    #expect(response.findings.map(\.who) == ["ada"])
    let denied = try self.response(check("cs.cmd.shop.Get", as: "eve", rights: rights))
    #expect(!denied.allowed && denied.rule == 0 && denied.findings.map(\.who) == [""])
    #expect(try check("nonsense", as: "ada", rights: rights).status?.code == .invalidArgument)
  }

  @Test("Who may not ask gets the answer of everything forbidden")
  func guarded() throws {
    #expect(try check("cs.cmd.shop.Get", as: "a", rights: .none).status?.code == .permissionDenied)
  }

  @Test("Without access control only the machine itself may ask, and is told that there is none")
  func uncontrolled() throws {
    let there = try check(
      "cs.cmd.a.b", as: "a", rights: .uncontrolled(isLocal: false), controlled: false)
    #expect(there.status?.code == .permissionDenied)
    let here = try check(
      "cs.cmd.a.b", as: "a", rights: .uncontrolled(isLocal: true), controlled: false)
    #expect(here.status?.code == .failedPrecondition)
  }

  @Test("Other paths are not its own")
  func otherPaths() {
    let service = AccessService(authenticator: nil)
    #expect(service.handler(for: RecordedCall("/cloudstate.admin.Access/x"), rights: .none) == nil)
  }
}
