import CloudstateModel
import GRPCTransport
import Testing

@testable import Ingress

/// What becomes of failures (proxy behaviour, sections 12.6 and 21).
@Suite struct ErrorAnswerTests {
  private let fixture: HTTPFixture

  init() throws {
    fixture = try HTTPFixture(.init("Get", rule(get: "/get/{id}")), .init("ActOne"))
  }

  @Test("A refusal of the user function is its text, whatever the client accepts")
  func failure() throws {
    for accept in ["*/*", "application/json"] {
      let (exchange, _) = fixture.send("GET", "/get/a", headers: [("accept", accept)])
      fixture.dispatcher.commands.last?.completion(CommandAnswer(.failure("no \"such\" item")))
      #expect(exchange.status == 500)
      #expect(exchange.contentType == "text/plain; charset=utf-8")
      #expect(exchange.body == "no \"such\" item")
    }
  }

  @Test(
    "Errors of the machinery have the status of their code",
    arguments: [
      (.unexpectedTermination, 500), (.timeout, 500), (.overloaded, 507),
      (.idempotencyKeyReused, 412),
      (.shardUnavailable, 503), (.routingFailed, 500), (.invalidArgument, 400),
    ] as [(CommandError.Code, Int)])
  func machinery(code: CommandError.Code, status: Int) throws {
    let (exchange, _) = fixture.send("GET", "/get/a")
    fixture.dispatcher.commands[0].completion(.error(CommandError(code, "what \"happened\"")))
    #expect(exchange.status == status)
    #expect(exchange.body == "what \"happened\"")
    #expect(exchange.contentType == "text/plain; charset=utf-8")
    #expect(exchange.start?.headers["cs-error"] == code.rawValue)
    #expect(exchange.start?.headers["cs-retryable"] != nil)
  }

  @Test("Who prefers JSON gets errors of the machinery as google.rpc.Status")
  func statusJSON() throws {
    let accept = [("accept", "application/json")]
    let (exchange, _) = fixture.send("GET", "/get/a", headers: accept)
    fixture.dispatcher.commands[0].completion(
      .error(CommandError(.shardUnavailable, "what \"happened\"")))
    #expect(exchange.status == 503)
    #expect(exchange.contentType == "application/json")
    #expect(exchange.body == #"{"code":14,"message":"what \"happened\"","details":[]}"#)
    let (unknown, _) = fixture.send("GET", "/nope", headers: accept)
    #expect(unknown.status == 404)
    #expect(unknown.body == #"{"code":5,"message":"nothing is served at /nope","details":[]}"#)
  }

  @Test("The status with which a function ends an action's call is mapped too")
  func passedStatus() throws {
    let (exchange, _) = fixture.post("/t.S/ActOne", "{}")
    fixture.dispatcher.actions[0].owner.ended(
      CommandError(.actionFailed, "there is one", passedStatusCode: 6))
    #expect(exchange.status == 409)
    #expect(exchange.body == "there is one")
  }

  @Test(
    "Every gRPC code has its HTTP status, as text and as google.rpc.Status",
    arguments: zip(
      0...16,
      [200, 400, 500, 400, 500, 404, 409, 403, 507, 412, 500, 416, 501, 500, 503, 500, 401]))
  func mapping(code: Int, status: Int) throws {
    #expect(GRPCStatus.Code(rawValue: code)?.httpStatus == status)
    guard code != 0 else { return }
    for accept in ["text/plain", "application/json"] {
      let (exchange, _) = fixture.post("/t.S/ActOne", "{}", headers: [("accept", accept)])
      fixture.dispatcher.actions.last?.owner.ended(
        CommandError(.actionFailed, "why", passedStatusCode: code))
      #expect(exchange.status == status)
      #expect(
        exchange.body
          == (accept == "text/plain"
            ? "why" : #"{"code":\#(code),"message":"why","details":[]}"#))
    }
  }
}
