import Foundation
import GRPCTransport
import TestSupport
import Testing

@testable import Ingress

/// The document at its path, and what others make of it.
@Suite struct OpenAPIServingTests {
  @Test("It is served until there is a path of the function's own")
  func served() throws {
    let fixture = try HTTPFixture(.init("Get", rule(get: "/get/{id}")))
    let (exchange, _) = fixture.send("GET", "/openapi.json?x=1")
    #expect(exchange.status == 200)
    #expect(exchange.contentType == "application/json")
    #expect(exchange.body.hasPrefix(#"{"openapi":"3.0.3""#))
    #expect(exchange.body.contains("/get/{id}"))
    #expect(fixture.send("HEAD", "/openapi.json").exchange.status == 200)
    let (post, _) = fixture.post("/openapi.json", "{}")
    #expect(post.status == 405)
    #expect(post.start?.headers["allow"] == "GET, HEAD")
    // It follows the rules.
    try fixture.update(.init("Get", rule(get: "/got/{id}")))
    #expect(fixture.send("GET", "/openapi.json").exchange.body.contains("/got/{id}"))
    try fixture.update(.init("Get", rule(get: "/{id}")))
    let (own, _) = fixture.send("GET", "/openapi.json")
    #expect(own.start == nil)
    #expect(try fixture.lastCommand() == #"{"id":"openapi.json"}"#)
  }

  @Test("A path of which another rule has one value is in it")
  func values() throws {
    let fixture = try HTTPFixture(
      .init("Get", rule(get: "/a/{id}")), .init("Other", rule(get: "/a/x")))
    let document = fixture.send("GET", "/openapi.json").exchange.body
    #expect(document.contains(#""/a/{id}""#))
    #expect(document.contains(#""/a/x""#))
  }

  @Test("It can be switched off")
  func off() throws {
    var configuration = HTTPTranscoderConfiguration()
    configuration.servesOpenAPI = false
    let fixture = try HTTPFixture(
      .init("Get", rule(get: "/get/{id}")), configuration: configuration)
    #expect(fixture.send("GET", "/openapi.json").exchange.status == 404)
  }

  @Test(
    "A validator that knows nothing of this project finds no mistake",
    .enabled(
      if: ProcessInfo.processInfo.environment["CS_PYTHON"] != nil,
      "CS_PYTHON names an interpreter; see Scripts/test"))
  func valid() async throws {
    let python = try #require(ProcessInfo.processInfo.environment["CS_PYTHON"])
    let folder = try TemporaryDirectory()
    let file = "\(folder.path)/openapi.json"
    try OpenAPIFixture.document(services: ["d.Things", "o.Things"]).json.text
      .write(toFile: file, atomically: true, encoding: .utf8)
    let validator = try TestProcess(python, ["-m", "openapi_spec_validator", file])
    let status = try await validator.waitForExit(within: .seconds(60))
    #expect(
      status == .code(0),
      "\(validator.output(.standardOutput))\(validator.output(.standardError))")
  }
}
