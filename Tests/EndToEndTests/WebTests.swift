import Foundation
import TestSupport
import Testing

/// gRPC-Web, CORS and probes on the public port of real nodes, by curl.
@Suite(.serialized) struct WebTests {
  private static let cart = "/com.example.shoppingcart.ShoppingCart"
  private static let tail = "/cloudstate.streams.EventStreams/tail"

  @Test("A cart by gRPC-Web, in both forms, over HTTP/1.1 and HTTP/2")
  func shop() async throws {
    let cluster = try await TestCluster(nodes: 2)
    for (turn, form) in WebForm.all.enumerated() {
      let node = cluster.nodes[turn % 2]
      let added = try await webCall(
        node, Self.cart + "/AddItem", message("u\(turn)", "tea", "Tea", 2), form: form,
        headers: ["x-grpc-web: 1", "idempotency-key: k\(turn)"])
      #expect(added.status == 200)
      #expect(added.headers["content-type"] == form.contentType)
      #expect(added.messages == [[]])
      #expect(added.trailers?["grpc-status"] == "0")
      #expect(added.trailers?["cs-commitment"] != nil)
      let again = try await webCall(
        cluster.nodes[0], Self.cart + "/AddItem", message("u\(turn)", "tea", "Tea", 2), form: form,
        headers: ["idempotency-key: k\(turn)"])
      #expect(
        again.trailers?["cs-commitment"]
          == added.trailers?["cs-commitment"].map { $0 + ";duplicate" })
      let read = try await webCall(
        cluster.nodes[1], Self.cart + "/GetCart", message("u\(turn)"), form: form)
      let item = message("tea", "Tea", 2)
      #expect(read.messages == [[0x0a, UInt8(item.count)] + item])

      let refused = try await webCall(
        node, Self.cart + "/AddItem", message("u\(turn)", "tea", "Tea"), form: form)
      #expect(refused.status == 200)
      #expect(refused.messages == [])
      #expect(refused.headers["grpc-status"] == "2")
      #expect(refused.trailers?["grpc-status"] == "2")
      #expect(refused.trailers?["grpc-message"]?.contains("add at least 1") == true)
    }
    // What came so are events like all others.
    #expect(try await cluster.allEvents().count == WebForm.all.count)
  }

  @Test("Streams by gRPC-Web: whole ones, and one that its deadline ends", arguments: WebForm.all)
  func streams(form: WebForm) async throws {
    let cluster = try await TestCluster(nodes: 1, shards: 4)
    for number in 1...3 {
      _ = try await webCall(
        cluster.nodes[0], Self.cart + "/AddItem", message("u", "p\(number)", "P", 1), form: form)
    }
    // TailRequest: from the first event (2), to the end of what there is (6).
    let whole = try await webCall(
      cluster.nodes[0], Self.tail, message("", 1, 0, 0, 0, 1), form: form)
    #expect(whole.messages.filter { $0.first == 0x0a }.count == 3)
    #expect(whole.trailers?["grpc-status"] == "0")
    let ended = try await webCall(
      cluster.nodes[0], Self.tail, message("", 1), form: form, headers: ["grpc-timeout: 2S"])
    #expect(ended.messages.filter { $0.first == 0x0a }.count == 3)
    #expect(ended.trailers?["grpc-status"] == "4")
    #expect(ended.headers["grpc-status"] == nil)
  }

  @Test("What is wrong with a call is told by a gRPC status", arguments: WebForm.all)
  func mistakes(form: WebForm) async throws {
    let cluster = try await TestCluster(nodes: 1, nodeArguments: ["--max-message-bytes", "100000"])
    let node = cluster.nodes[0]
    func expect(_ answer: GRPCWebAnswer, _ status: String, _ text: String) {
      #expect(answer.status == 200)
      #expect(answer.headers["grpc-status"] == status)
      #expect(answer.trailers?["grpc-status"] == status)
      #expect(answer.trailers?["grpc-message"]?.contains(text) == true)
    }
    expect(
      try await webCall(node, Self.cart + "/Nope", message("u"), form: form), "12",
      "unknown method")
    let add = Self.cart + "/AddItem"
    expect(
      try await webCall(node, add, form: form, body: Array("%%%%%".utf8)), "13",
      form.isText ? "not base64" : "invalid flag byte 37")
    expect(
      try await webCall(node, add, form: form, body: form.isText ? Array("AAAA".utf8) : [0, 0, 0]),
      "13", "in the middle of a message")
    expect(try await webCall(node, add, [0xff], form: form), "3", "not a valid message")
    expect(try await webCall(node, add, form: form), "3", "no request message")
    expect(
      try await webCall(node, add, [UInt8](repeating: 0, count: 200_000), form: form), "8",
      "larger than")
  }

  @Test("A function that is gone is an error of the machinery, with its code")
  func lostFunction() async throws {
    let cluster = try await TestCluster(nodes: 1)
    let node = cluster.nodes[0]
    try await cluster.killFunction(node)
    try await eventually("an error of the machinery") {
      let answer = try await webCall(
        node, Self.cart + "/AddItem", message("b", "x", "X", 1), form: WebForm.all[1],
        within: .seconds(60))
      return answer.trailers?["grpc-status"] == "14" && answer.headers["cs-error"] != nil
        && answer.trailers?["cs-retryable"] == "true"
    }
  }

  @Test("CORS for listed origins, on what is served and on what is not")
  func cors() async throws {
    let origin = "https://shop.example"
    let cluster = try await TestCluster(
      nodes: 1, nodeArguments: ["--cors-origins", "\(origin), http://localhost:3000"])
    let node = cluster.nodes[0]
    func head(_ arguments: String...) async throws -> (lines: [String: String], body: String) {
      let answer = try await curl(node, "/carts/u", ["-D", "-"] + arguments)
      let parts = answer.body.split(
        separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
      return (
        GRPCWebAnswer.lines(String(parts[0])).merging(["status": "\(answer.status)"]) { $1 },
        String(parts.last ?? "")
      )
    }
    for version in ["--http1.1", "--http2-prior-knowledge"] {
      let asked = try await head(
        version, "-X", "OPTIONS", "-H", "origin: \(origin)", "-H",
        "access-control-request-method: POST", "-H",
        "access-control-request-headers: content-type,x-grpc-web"
      ).lines
      #expect(asked["status"] == "204")
      #expect(asked["access-control-allow-origin"] == origin)
      #expect(asked["access-control-allow-headers"] == "content-type, x-grpc-web")
      #expect(asked["access-control-max-age"] == "600")
      #expect(asked["content-length"] == nil)
      let served = try await head(version, "-H", "origin: \(origin)")
      #expect(served.lines["access-control-allow-origin"] == origin)
      #expect(served.lines["vary"] == "origin")
      #expect(
        served.lines["access-control-expose-headers"]?.contains("cs-commitment") == true)
      #expect(served.body == #"{"items":[]}"#)
      let refused = try await head(
        version, "-X", "OPTIONS", "-H", "origin: https://evil.example", "-H",
        "access-control-request-method: POST")
      #expect(refused.lines["status"] == "403")
      #expect(refused.lines["access-control-allow-origin"] == nil)
      #expect(refused.body.contains("https://evil.example"))
      let other = try await head(version, "-H", "origin: https://evil.example").lines
      #expect(other["status"] == "200")
      #expect(other["access-control-allow-origin"] == nil)
    }
    for form in WebForm.all {
      let call = try await webCall(
        node, Self.cart + "/GetCart", message("u"), form: form, headers: ["origin: \(origin)"])
      #expect(call.headers["access-control-allow-origin"] == origin)
      #expect(call.headers["access-control-expose-headers"]?.contains("grpc-status") == true)
      #expect(call.trailers?["grpc-status"] == "0")
    }
  }

  @Test("Without settings there is no CORS, and a probe is answered")
  func plain() async throws {
    let cluster = try await TestCluster(nodes: 1, function: .embedded)
    let node = cluster.nodes[0]
    let asked = try await curl(
      node, "/carts/u",
      [
        "-X", "OPTIONS", "-H", "origin: https://a.example", "-H",
        "access-control-request-method: GET", "-D", "-",
      ])
    #expect(asked.status == 405)
    #expect(!asked.body.contains("access-control-"))
    for version in ["--http1.1", "--http2-prior-knowledge"] {
      let probe = try await curl(node, "/", [version, "-H", "K-Network-Probe: queue"])
      #expect(probe.status == 200)
      #expect(probe.body == "queue")
      let wrong = try await curl(node, "/", [version, "-H", "K-Network-Probe: x"])
      #expect(wrong.status == 400)
      #expect(wrong.body == "unexpected probe header value: x")
    }
  }

  @Test(
    "Wrong settings end with status 2",
    arguments: [
      (["--cors-origins", "shop.example"], "'shop.example' is not an origin"),
      (["--cors-origins", "*", "--cors-credentials"], "does not go with cors-origins '*'"),
    ])
  func wrongFlags(arguments: [String], text: String) async throws {
    let result = try await runTool(
      "cs-node",
      ["--service", "a", "--data", "x", "--function", "127.0.0.1:1"] + arguments)
    #expect(result.status == .code(2), "\(result.talk)")
    #expect(result.talk.contains(text), "\(result.talk)")
  }

  @Test("A file of settings takes those of browsers, too")
  func configurationFile() async throws {
    let folder = try TemporaryDirectory()
    let path = "\(folder.path)/node.env"
    try "CS_CORS_ORIGINS=*\nCS_CORS_CREDENTIALS=true\nCS_CORS_MAX_AGE=5m\n".write(
      toFile: path, atomically: true, encoding: .utf8)
    let result = try await runTool(
      "cs-node",
      ["--service", "a", "--data", "x", "--function", "127.0.0.1:1", "--config", path])
    #expect(result.status == .code(2), "\(result.talk)")
    #expect(result.talk.contains("does not go with cors-origins '*'"), "\(result.talk)")
  }
}
