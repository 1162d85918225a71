import GRPCTransport
import Testing

@testable import Ingress

@Suite struct CORSPolicyTests {
  private static let shop = "https://shop.example"

  private func policy(
    _ origins: String..., credentials: Bool = false
  ) throws -> CORSPolicy {
    CORSPolicy(
      origins: origins == ["*"]
        ? .any : .listed(Set(try origins.map { try WebOrigin(setting: $0) })),
      allowsCredentials: credentials, maximumAge: 600)
  }

  private func preflight(
    _ policy: CORSPolicy, origin: String, method: String = "POST", headers: [String] = []
  ) -> CORSPolicy.Decision {
    var request = GRPCMetadata()
    request.add("origin", origin)
    request.add("access-control-request-method", method)
    for value in headers { request.add("access-control-request-headers", value) }
    return policy.decision(method: "OPTIONS", headers: request)
  }

  private func served(
    _ policy: CORSPolicy, origin: String?, _ start: HTTPResponseStart
  ) throws -> [String: String] {
    var request = GRPCMetadata()
    if let origin { request.add("origin", origin) }
    guard case .serve(let headers) = policy.decision(method: "POST", headers: request) else {
      throw CancellationError()
    }
    return Dictionary(
      headers.applied(to: start).headers.headers.map { ($0.name, $0.value) }
    ) { $0 + " and " + $1 }
  }

  @Test("A page of a listed origin may send what it asks for")
  func allowed() throws {
    let decision = preflight(
      try policy(Self.shop, "http://localhost:3000"), origin: Self.shop,
      headers: ["content-type,x-grpc-web", "idempotency-key"])
    guard case .answer(let start) = decision else { throw CancellationError() }
    #expect(start.status == 204)
    #expect(
      start.headers.headers.map { "\($0.name): \($0.value)" } == [
        "vary: origin", "access-control-allow-origin: \(Self.shop)",
        "access-control-allow-methods: GET, HEAD, POST, PUT, PATCH, DELETE",
        "access-control-allow-headers: content-type, x-grpc-web, idempotency-key",
        "access-control-max-age: 600",
      ])
  }

  @Test("Verbs and header names are checked before they are repeated")
  func hostile() throws {
    let decision = preflight(
      try policy("*"), origin: "x", method: "LOCK", headers: ["a b, ok,<script>"])
    guard case .answer(let start) = decision else { throw CancellationError() }
    #expect(start.headers["access-control-allow-headers"] == "ok")
    #expect(start.headers["access-control-allow-methods"]?.hasSuffix("DELETE, LOCK") == true)
    let wrong = preflight(try policy("*"), origin: "x", method: "A B")
    guard case .answer(let start) = wrong else { throw CancellationError() }
    #expect(start.headers["access-control-allow-methods"]?.hasSuffix("DELETE") == true)
    #expect(start.headers["access-control-allow-headers"] == nil)
  }

  @Test(
    "Origins are compared letter by letter",
    arguments: [
      "https://shop.example.evil", "http://shop.example", "https://shop.example:444", "null", "",
      "https://SHOP.example", "shop.example", "https://a.shop.example",
    ])
  func refused(origin: String) throws {
    let policy = try policy(Self.shop)
    guard case .refuse(let start, let text) = preflight(policy, origin: origin) else {
      throw CancellationError()
    }
    #expect(start.status == 403)
    #expect(start.headers.headers.map(\.name) == ["vary"])
    #expect(text.contains("--cors-origins"))
    // The request itself is served: a page of the same origin sends the header too.
    #expect(
      try served(policy, origin: origin, HTTPResponseStart(status: 200, contentType: nil))
        == ["vary": "origin"])
  }

  @Test("A response may be read with all of its headers")
  func exposed() throws {
    var start = HTTPResponseStart(status: 200, contentType: nil)
    start.headers.add("x-answer", "yes")
    start.headers.add("cs-commitment", "3/1")
    start.headers.add("access-control-allow-origin", "https://of.the.function")
    let headers = try served(policy(Self.shop), origin: Self.shop, start)
    #expect(headers["access-control-allow-origin"] == Self.shop)
    #expect(headers["access-control-allow-credentials"] == nil)
    #expect(headers["vary"] == "origin")
    #expect(headers["x-answer"] == "yes")
    #expect(
      headers["access-control-expose-headers"]
        == "grpc-status, grpc-message, grpc-status-details-bin, grpc-encoding, "
        + "grpc-accept-encoding, cs-commitment, cs-error, cs-retryable, x-answer")
  }

  @Test("With credentials the origin is named, with '*' it is not")
  func credentials() throws {
    let start = HTTPResponseStart(status: 200, contentType: nil)
    let named = try served(policy(Self.shop, credentials: true), origin: Self.shop, start)
    #expect(named["access-control-allow-origin"] == Self.shop)
    #expect(named["access-control-allow-credentials"] == "true")
    let any = try served(policy("*"), origin: "https://any.example", start)
    #expect(any["access-control-allow-origin"] == "*")
    #expect(any["vary"] == nil)
  }

  @Test("Other requests, and OPTIONS that ask for nothing, are served")
  func others() throws {
    let policy = try policy(Self.shop)
    let start = HTTPResponseStart(status: 200, contentType: nil)
    #expect(try served(policy, origin: nil, start) == ["vary": "origin"])
    var request = GRPCMetadata()
    request.add("origin", Self.shop)
    guard case .serve = policy.decision(method: "OPTIONS", headers: request) else {
      throw CancellationError()
    }
  }

  @Test(
    "Origins as a setting",
    arguments: [
      ("https://shop.example", "https://shop.example"),
      ("HTTP://LocalHost:3000", "http://localhost:3000"),
      ("http://[::1]:80801", nil), ("http://[::1]:8080", "http://[::1]:8080"),
      ("capacitor://localhost", "capacitor://localhost"),
      ("https://a_b.c-d.example", "https://a_b.c-d.example"),
      ("shop.example", nil), ("https://", nil), ("https://shop.example/", nil),
      ("https://shop.example/path", nil), ("https://*.example", nil), ("null", nil), ("", nil),
      ("https://shop.example:443", nil), ("http://shop.example:80", nil),
      ("https://shop.example:80", "https://shop.example:80"), ("https://shop example", nil),
      ("https://user@shop.example", nil), ("https://shop.example:", nil),
      ("https://shop.example:0", nil), ("https://shop.example:01", nil), ("1x://a", nil),
      ("https://shop.example?x", nil),
    ] as [(String, String?)])
  func settings(text: String, expected: String?) {
    #expect((try? WebOrigin(setting: text))?.text == expected)
  }
}
