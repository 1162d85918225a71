import AccessControl
import CloudstateModel
import GRPCTransport
import NIOEmbedded
import Testing

/// Requests over HTTP with an access file.
@Suite struct TranscodedAccessTests {
  /// All that a client sees.
  private struct Answer: Hashable {
    let start: HTTPResponseStart?
    let body: String
  }

  private func fixture(_ authenticator: Authenticator) throws -> HTTPFixture {
    try HTTPFixture(
      .init("Get", rule(get: "/get/{id}")), .init("Set", rule(post: "/set/{id}", body: "*")),
      authenticator: authenticator)
  }

  private func fixture() throws -> HTTPFixture {
    try fixture(
      access(
        "all", "part",
        lines: """
          rules:
           - {who: all, allow: send cs.cmd.shop.*}
           - {who: part, allow: send cs.cmd.shop.Get}
          """))
  }

  private func answer(
    _ fixture: HTTPFixture, _ name: String?, _ method: String, _ target: String, body: String = "",
    accept: String = "*/*"
  ) -> Answer {
    var headers = [("accept", accept)]
    if let name { headers.append(("authorization", "Bearer secret-\(name)")) }
    let (exchange, _) = fixture.send(method, target, headers: headers, body: body)
    return Answer(start: exchange.start, body: exchange.body)
  }

  private static let places = [
    ("GET", "/get/a"), ("PUT", "/get/a"), ("GET", "/nothing"), ("POST", "/set/a"),
    ("POST", "/t.S/Get"),
    ("GET", "/get/%zz"),
  ]

  @Test("Without credentials, or with wrong ones, every request has the same answer")
  func unauthenticated() throws {
    let fixture = try fixture()
    var answers: Set<Answer> = []
    for (method, target) in Self.places {
      for name in [nil, "unknown"] { answers.insert(answer(fixture, name, method, target)) }
    }
    #expect(answers.count == 1)
    #expect(answers.first?.start?.status == 401)
    #expect(answers.first?.start?.headers["www-authenticate"] == "Bearer")
    #expect(answers.first?.start?.headers["cs-error"] == "unauthenticated")
    let json = answer(fixture, nil, "GET", "/get/a", accept: "application/json")
    #expect(json.body.hasPrefix(#"{"code":16,"#))
  }

  @Test(
    "What is forbidden and what there is not have the same answer, before the body is looked at")
  func denied() throws {
    let fixture = try fixture()
    var answers: Set<Answer> = []
    for (method, target) in Self.places.dropFirst()
    where target != "/get/%zz" && target != "/t.S/Get" {
      answers.insert(answer(fixture, "part", method, target, body: "no JSON"))
    }
    answers.insert(answer(fixture, "part", "POST", "/t.S/Set", body: "no JSON"))
    #expect(answers.count == 1)
    #expect(answers.first?.start?.status == 403)
    #expect(answers.first?.start?.headers["cs-error"] == "permission-denied")
    #expect(fixture.dispatcher.commands.isEmpty)
  }

  @Test("What is allowed is done, and who may do everything is told what there is not")
  func allowed() throws {
    let fixture = try fixture()
    #expect(answer(fixture, "part", "GET", "/get/a").start == nil)
    #expect(fixture.dispatcher.commands.count == 1)
    #expect(answer(fixture, "all", "GET", "/nothing").start?.status == 404)
    let verb = answer(fixture, "all", "PUT", "/get/a")
    #expect(verb.start?.status == 405)
    #expect(verb.start?.headers["allow"] == "GET, HEAD")
    #expect(answer(fixture, "all", "POST", "/set/a", body: "no JSON").start?.status == 400)
  }

  @Test("A request waits for its token, is refused or goes on, and may leave")
  func waits() async throws {
    let worker = HeldWorker()
    let fixture = try fixture(
      access(
        keys: try await SharedKeys.verifier(), worker: { worker.add($0) },
        lines: "rules: [{who: ada, allow: send cs.cmd.shop.Get}]"))
    func settle(_ exchange: RecordedExchange) {
      worker.run()
      (exchange.eventLoop as? EmbeddedEventLoop)?.run()
    }
    func header(_ token: String) -> [(String, String)] { [("authorization", "Bearer \(token)")] }
    let (left, handler) = fixture.send("GET", "/get/a", headers: header(SharedKeys.token))
    handler?.cancelled()
    settle(left)
    #expect(left.start == nil && fixture.dispatcher.commands.isEmpty)

    let other = SharedKeys.token + "A"
    let (wrong, _) = fixture.send("GET", "/get/a", headers: header(other))
    #expect(wrong.start == nil)
    settle(wrong)
    #expect(wrong.status == 401)

    let (right, _) = fixture.send("GET", "/get/a", headers: header(SharedKeys.token))
    settle(right)
    #expect(fixture.dispatcher.commands.count == 1)
    try fixture.reply(#"{"text":"x"}"#)
    #expect(right.status == 200)
    let (forbidden, _) = fixture.send("POST", "/set/a", headers: header(SharedKeys.token))
    #expect(forbidden.status == 403)
  }
}
