import Foundation
import TestSupport
import Testing

/// HTTP with JSON on the public port of real nodes, by curl.
@Suite(.serialized) struct HTTPTests {
  /// The way of the compatibility kit's SC5, each request to another node than the one before.
  private func shop(_ cluster: TestCluster, prefix: String) async throws {
    var turn = 0
    func request(
      _ path: String, json: String? = nil, _ arguments: [String] = []
    ) async throws -> CurlAnswer {
      turn += 1
      return try await curl(
        cluster.nodes[turn % cluster.nodes.count], prefix + path, json: json, arguments)
    }
    func expect(_ answer: CurlAnswer, _ body: String) {
      #expect(answer == CurlAnswer(status: 200, contentType: "application/json", body: body))
    }
    let deluxe = #"{"productId":"A14362347","name":"Deluxe","quantity":7}"#
    let basic = #"{"productId":"B14623482","name":"Basic","quantity":1}"#
    expect(try await request("/carts/foo"), #"{"items":[]}"#)
    for (product, name, quantity) in [
      ("A14362347", "Deluxe", 5), ("B14623482", "Basic", 1), ("A14362347", "Deluxe", 2),
    ] {
      expect(
        try await request(
          "/cart/foo/items/add",
          json: #"{"product_id":"\#(product)","name":"\#(name)","quantity":\#(quantity)}"#), "{}")
    }
    expect(try await request("/carts/foo"), #"{"items":[\#(deluxe),\#(basic)]}"#)
    expect(try await request("/carts/foo/items"), "[\(deluxe),\(basic)]")
    expect(try await request("/cart/foo/items/A14362347/remove", ["-X", "POST"]), "{}")
    expect(try await request("/carts/foo"), #"{"items":[\#(basic)]}"#)
    expect(try await request("/carts/foo/items", ["--http2-prior-knowledge"]), "[\(basic)]")
    let refused = try await request(
      "/cart/foo/items/add", json: #"{"productId":"x","name":"x","quantity":0}"#)
    #expect(refused.status == 500)
    #expect(refused.contentType.hasPrefix("text/plain"))
    #expect(refused.body.contains("add at least 1"))
  }

  @Test("The event sourced shopping cart")
  func eventSourced() async throws {
    let cluster = try await TestCluster(nodes: 2)
    try await shop(cluster, prefix: "")
    // What came over HTTP are events like all others.
    let events = try await cluster.allEvents().filter { $0.entity.hasSuffix("/foo") }
    #expect(events.map(\.sequence) == [1, 2, 3, 4])
  }

  @Test("The shopping cart of a value entity")
  func value() async throws {
    let cluster = try await TestCluster(nodes: 1, function: .swiftValue)
    try await shop(cluster, prefix: "/ve")
    #expect(
      try await curl(cluster.nodes[0], "/ve/carts/foo/remove", ["-X", "POST"]).body == "{}")
    #expect(try await curl(cluster.nodes[0], "/ve/carts/foo").body == #"{"items":[]}"#)
  }

  @Test("A repeated idempotency key has no second effect, over whatever protocol it comes")
  func idempotency() async throws {
    let cluster = try await TestCluster(nodes: 2)
    for (node, version) in [(0, "--http1.1"), (1, "--http2-prior-knowledge")] {
      let answer = try await curl(
        cluster.nodes[node], "/cart/ada/items/add",
        json: #"{"product_id":"tea","quantity":2,"name":"Tea"}"#,
        [version, "-H", "Idempotency-Key: k1"])
      #expect(answer.body == "{}")
    }
    let result = try await runTool(
      "cs-send",
      [
        "-s", cluster.servers, "--idempotency-key", "k1", "ShoppingCart/AddItem",
        #"{"userId":"ada","productId":"tea","name":"Tea","quantity":2}"#,
      ])
    #expect(result.status == .code(0), "\(result.talk)")
    #expect(try await cluster.allEvents().count == 1)
  }

  @Test("Mistakes are answered in words, by a status, or as JSON, and harm nobody")
  func mistakes() async throws {
    let cluster = try await TestCluster(nodes: 1, nodeArguments: ["--max-message-bytes", "100000"])
    let node = cluster.nodes[0]
    let typo = try await curl(node, "/cart/a/items/add", json: #"{"prodctId":"x"}"#)
    #expect(typo.status == 400)
    #expect(typo.body.contains(#"did you mean "productId"?"#))
    let asJSON = try await curl(node, "/nope", ["-H", "accept: application/json"])
    #expect(asJSON.status == 404)
    #expect(asJSON.contentType == "application/json")
    #expect(
      asJSON.json?.isEqual(
        ["code": 5, "message": "nothing is served at /nope", "details": []] as NSDictionary) == true
    )
    #expect(try await curl(node, "/carts/a", ["-X", "DELETE"]).status == 405)
    let big = "\(cluster.folder.path)/big.json"
    try String(repeating: " ", count: 3_000_000).write(
      toFile: big, atomically: true, encoding: .utf8)
    for version in ["--http1.1", "--http2-prior-knowledge"] {
      #expect(
        try await curl(node, "/cart/a/items/add", json: "@\(big)", [version]).status == 413,
        "\(version)")
    }
    // What is small on the wire must not be large here.
    let bomb = "\(cluster.folder.path)/bomb.gz"
    let packed = try await runProgram(
      "/bin/sh", ["-c", "head -c 50000000 /dev/zero | gzip > '\(bomb)'"])
    #expect(packed.status == .code(0))
    #expect(
      try await curl(node, "/cart/a/items/add", json: "@\(bomb)", ["-H", "content-encoding: gzip"])
        .status == 413)
    #expect(
      try await curl(node, "/carts/a", ["-H", "x: \(String(repeating: "a", count: 20_000))"]).status
        == 431)
    #expect(
      try await curl(node, "/carts/a", ["-H", "content-type: application/grpc"]).status == 415)
    // A function that is gone is an error of the machinery.
    try await cluster.killFunction(node)
    try await eventually("an error of the machinery") {
      try await curl(node, "/carts/b", within: .seconds(60)).status == 503
    }
  }

  @Test("The carts of many clients at once, with pipelined requests on each connection")
  func pipelined() async throws {
    let cluster = try await TestCluster(nodes: 1)
    let request = "GET /carts/u HTTP/1.1\r\nhost: t\r\n\r\n"
    for _ in 0..<4 {
      let answer = try rawAnswer(
        to: Array(String(repeating: request, count: 50).utf8)
          + Array("GET /carts/u HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n".utf8),
        port: cluster.nodes[0].port)
      #expect(answer.split(separator: "HTTP/1.1 200 OK").count == 51)
      #expect(answer.hasSuffix(#"{"items":[]}"#))
    }
  }
}

/// Actions over HTTP, and rules that cannot be served, with the function in Python.
@Suite(.serialized, .enabled(if: pythonInterpreter != nil, "needs CS_PYTHON"))
struct HTTPKindsTests {
  private func stubs() async throws -> (interpreter: String, folder: TemporaryDirectory) {
    let interpreter = try #require(pythonInterpreter)
    let folder = try TemporaryDirectory()
    let made = try await runProgram(
      interpreter,
      [
        "\(repositoryFolder)/Tests/EndToEndTests/Kinds/kinds_stubs.py",
        "\(repositoryFolder)/Sources/CloudstateProtocol/Protos", folder.path,
      ])
    try #require(made.status == .code(0), "\(made.talk)")
    return (interpreter, folder)
  }

  @Test("Actions of every shape answer, stream and fail over HTTP")
  func actions() async throws {
    let (interpreter, folder) = try await stubs()
    let cluster = try await TestCluster(
      nodes: 2, function: .kinds(interpreter: interpreter, stubs: folder.path), shards: 8)
    let node = cluster.nodes[0]
    let headers = try await curl(
      node, "/kinds.Relay/One", json: #"{"text":"metadata"}"#,
      ["-H", "X-Color: red", "-H", "x-raw-bin: AQI", "-D", "-"])
    #expect(headers.body.contains("x-answer: yes\r\n"))
    #expect(headers.body.hasSuffix(#"{"text":"red 0102"}"#))
    #expect(
      try await curl(node, "/kinds.Relay/One", json: #"{"text":"refuse"}"#)
        == CurlAnswer(status: 500, contentType: "text/plain; charset=utf-8", body: "refused"))
    #expect(
      try await curl(node, "/kinds.Relay/One", json: #"{"text":"abort"}"#)
        == CurlAnswer(status: 409, contentType: "text/plain; charset=utf-8", body: "there is one"))
    // A forward goes its way, to whichever node owns the entity.
    #expect(
      try await curl(
        node, "/kinds.Relay/One", json: #"{"id":"a","text":"x","forward":"Values/Set"}"#
      ).body == #"{"text":"x"}"#)
    #expect(
      try await curl(cluster.nodes[1], "/kinds.Values/Get", json: #"{"id":"a"}"#).body
        == #"{"text":"x"}"#)
    #expect(
      try await curl(node, "/kinds.Relay/In", json: #"{"text":"only"}"#).body
        == #"{"text":"only"}"#)
    for version in ["--http1.1", "--http2-prior-knowledge"] {
      #expect(
        try await curl(node, "/kinds.Relay/Out", json: #"{"text":"a,b,c"}"#, [version])
          == CurlAnswer(
            status: 200, contentType: "application/json",
            body: "{\"text\":\"a\"}\n{\"text\":\"b\"}\n{\"text\":\"c\"}\n"))
      #expect(
        try await curl(
          node, "/kinds.Relay/Out", json: #"{"text":"a,b"}"#,
          [version, "-H", "accept: text/event-stream"])
          == CurlAnswer(
            status: 200, contentType: "text/event-stream",
            body: "data: {\"text\":\"a\"}\n\ndata: {\"text\":\"b\"}\n\n"))
      let packed = try await curl(
        node, "/kinds.Relay/Out", json: #"{"text":"a,b"}"#,
        [version, "-H", "accept-encoding: gzip", "--compressed", "-D", "-"])
      #expect(packed.body.contains("content-encoding: gzip"))
      #expect(packed.body.hasSuffix("\r\n\r\n{\"text\":\"a\"}\n{\"text\":\"b\"}\n"))
      // What breaks off is not taken for whole.
      await #expect(throws: ProcessEnded.self) {
        try await curl(node, "/kinds.Relay/Out", json: #"{"text":"a,refuse"}"#, [version])
      }
    }
  }

  @Test("A node does not start with HTTP rules that cannot be served, and tells the function why")
  func brokenRule() async throws {
    let (interpreter, stubs) = try await stubs()
    let folder = try TemporaryDirectory()
    for (template, text) in [
      ("no/slash", "Template must start with a slash at character 1 of 'no/slash'"),
      ("/v/{nope}", "HTTP API Config: Unknown field name [nope] in type [kinds.Request]"),
    ] {
      let port = try freePort()
      let function = try TestProcess(
        interpreter,
        ["\(repositoryFolder)/Tests/EndToEndTests/Kinds/kinds_function.py", stubs.path, "\(port)"],
        environment: ["KINDS_HTTP_GET": template])
      let node = try TestProcess(
        builtProduct("cs-node"),
        [
          "--service", "kinds", "--function", "127.0.0.1:\(port)", "--listen", "127.0.0.1:0",
          "--data", "\(folder.path)/data",
        ])
      #expect(try await node.waitForExit(within: .seconds(30)) == .code(1))
      #expect(node.output(.standardError).contains(text))
      try await function.waitForLine(containing: text, in: .standardOutput)
    }
  }
}
