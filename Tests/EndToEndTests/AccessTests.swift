import Foundation
import TestSupport
import Testing

/// Who may do what at a real node: every principal, every operation.
@Suite(.serialized) struct AccessTests {
  /// What is tried.
  private enum Operation: String, CaseIterable {
    case get, add, httpGet, httpAdd, tail, reflect, describe, check
    case unknownMethod, unknownService, httpUnknown

    var isHTTP: Bool { rawValue.hasPrefix("http") }
  }

  /// Operations in the order of ``Operation`` and what each answers: a gRPC status, or an HTTP status.
  /// 16 and 401: without valid credentials; 7 and 403: forbidden; 12 and 404: there is no such thing.
  private static let matrix: [(principal: String, expected: [Int])] = [
    ("nobody", [16, 16, 401, 401, 16, 16, 16, 16, 16, 16, 401]),
    ("unknown", [16, 16, 401, 401, 16, 16, 16, 16, 16, 16, 401]),
    ("basic", [16, 16, 401, 401, 16, 16, 16, 16, 16, 16, 401]),
    ("expired", [16, 16, 401, 401, 16, 16, 16, 16, 16, 16, 401]),
    ("stranger", [16, 16, 401, 401, 16, 16, 16, 16, 16, 16, 401]),
    ("unsigned", [16, 16, 401, 401, 16, 16, 16, 16, 16, 16, 401]),
    ("sender", [0, 0, 200, 200, 7, 0, 7, 7, 12, 12, 404]),
    ("reader", [0, 7, 200, 403, 7, 0, 7, 7, 7, 7, 403]),
    ("tailer", [7, 7, 403, 403, 0, 0, 0, 7, 7, 7, 403]),
    ("admin", [7, 7, 403, 403, 7, 0, 7, 0, 7, 7, 403]),
    ("root", [0, 0, 200, 200, 0, 0, 0, 0, 12, 12, 404]),
    ("signed", [0, 0, 200, 200, 0, 0, 0, 0, 12, 12, 404]),
  ]
  private static let named = ["sender", "reader", "tailer", "admin", "root"]

  private let folder: TemporaryDirectory
  private let issuer: TokenIssuer
  private var path: String { "\(folder.path)/access.yaml" }

  init() throws {
    folder = try TemporaryDirectory()
    issuer = try TokenIssuer()
    try issuer.publicKey.write(
      toFile: "\(folder.path)/keys.pem", atomically: true, encoding: .utf8)
    try writeFile(Self.named)
  }

  private func writeFile(_ names: [String]) throws {
    let tokens = names.map { " - {name: \($0), sha256: \(sha256("token-of-\($0)"))}" }
    try """
    version: 1
    tokens:
    \(tokens.joined(separator: "\n"))
    jwt: {keys: keys.pem, issuer: "\(TokenIssuer.name)", audience: cart}
    rules:
     - {who: [sender, reader], allow: send cs.cmd.cart.*}
     - {who: reader, deny: send cs.cmd.cart.AddItem}
     - {who: tailer, allow: tail cs.evt.cart.>}
     - {who: admin, allow: admin cs.admin.>}
     - who: [root, "group:operators"]
       allow: [send cs.cmd.>, tail cs.evt.>, admin cs.admin.>]
    """.write(toFile: path, atomically: true, encoding: .utf8)
  }

  /// The headers that a principal sends.
  private func headers(_ principal: String) async throws -> [String] {
    switch principal {
    case "nobody": return []
    case "basic": return ["authorization: Basic cm9vdDpyb290"]
    case "expired": return ["authorization: Bearer \(try await issuer.token(lifetime: -60))"]
    case "stranger":
      return ["authorization: Bearer \(try await issuer.token(issuer: "https://else.example"))"]
    case "unsigned": return ["authorization: Bearer \(issuer.unsignedToken)"]
    case "signed": return ["authorization: Bearer \(try await issuer.token())"]
    default: return ["authorization: Bearer token-of-\(principal)"]
    }
  }

  private func perform(
    _ operation: Operation, _ node: TestCluster.Node, _ headers: [String]
  ) async throws -> WireAnswer {
    let service = "/com.example.shoppingcart.ShoppingCart"
    let user = Protobuf.text(1, "ada")
    func grpc(_ path: String, _ message: [UInt8]) async throws -> WireAnswer {
      try await grpcByCurl(node, path, message, headers)
    }
    switch operation {
    case .get: return try await grpc("\(service)/GetCart", user)
    case .add:
      let item = Protobuf.text(2, "tea") + Protobuf.text(3, "Tea") + Protobuf.number(4, 1)
      return try await grpc("\(service)/AddItem", user + item)
    case .httpGet: return try await httpByCurl(node, "GET", "/carts/ada", headers)
    case .httpAdd:
      return try await httpByCurl(
        node, "POST", "/cart/ada/items/add", json: #"{"productId":"tea","quantity":1}"#, headers)
    case .tail:
      return try await grpc("/cloudstate.streams.EventStreams/tail", Protobuf.number(6, 1))
    case .reflect:
      return try await grpc(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Protobuf.text(7, ""))
    case .describe: return try await grpc("/cloudstate.streams.EventStreams/describe", [])
    case .check:
      let question = Protobuf.text(1, "root") + Protobuf.text(3, "cs.cmd.cart.GetCart")
      return try await grpc("/cloudstate.admin.Access/check", question)
    case .unknownMethod: return try await grpc("\(service)/Nothing", user)
    case .unknownService: return try await grpc("/no.Service/Nothing", user)
    case .httpUnknown: return try await httpByCurl(node, "GET", "/nothing", headers)
    }
  }

  @Test("Every principal gets for every operation what the rules say, and no more hint than that")
  func matrix() async throws {
    let cluster = try await TestCluster(
      nodes: 1, nodeArguments: ["--access", path, "--log-level", "trace"])
    let node = cluster.nodes[0]
    var refusals: [String: Set<WireAnswer>] = [:]
    for (principal, expected) in Self.matrix {
      let headers = try await headers(principal)
      for (operation, status) in zip(Operation.allCases, expected) {
        let answer: WireAnswer
        do {
          answer = try await perform(operation, node, headers)
        } catch {
          throw ProcessEnded(text: "\(principal) \(operation): \(error)")
        }
        let found = operation.isHTTP ? answer.httpStatus : answer.grpcStatus
        #expect(found == status, "\(principal) \(operation): \(answer.headers)")
        if [16, 7, 401, 403].contains(status) {
          refusals["\(operation.isHTTP ? "HTTP" : "gRPC") \(status)", default: []].insert(answer)
        }
        if operation == .reflect, status == 0 {
          let maySend = expected[0] == 0
          #expect(answer.contains("ShoppingCart") == maySend, "\(principal) is told of services")
        }
      }
    }
    #expect(refusals.count == 4)
    for (kind, answers) in refusals { #expect(answers.count == 1, "\(kind) is told apart") }
    #expect(refusals["HTTP 401"]?.first?.headers.contains("www-authenticate: Bearer") == true)
    // What they sent to show who they are is nowhere in the log.
    let log = node.sidecar?.output(.standardError) ?? ""
    #expect(log.contains("a caller was refused for"))
    #expect(!log.contains("token-of-"))
    #expect(!log.contains("eyJ"))
  }

  @Test("A tail is for the events that one entry allows, by pattern")
  func tails() async throws {
    try """
    version: 1
    tokens: [{name: ada, sha256: \(sha256("token-of-ada"))}]
    rules:
     - {who: ada, allow: tail cs.evt.cart.*.ada.*, deny: tail cs.evt.cart.*.*.ItemRemoved}
    """.write(toFile: path, atomically: true, encoding: .utf8)
    let cluster = try await TestCluster(nodes: 1, nodeArguments: ["--access", path])
    for (tool, arguments) in [
      ("cs-send", ["ShoppingCart/GetCart", "{}"]), ("cs-tail", ["--all", "--end"]),
      ("cs-admin", ["auth", "check", "cs.cmd.cart.GetCart", "--as", "ada"]),
    ] {
      let result = try await runTool(tool, arguments + ["-s", cluster.servers])
      #expect(result.status == .code(6), "\(tool): \(result.talk)")
      #expect(result.talk.contains("UNAUTHENTICATED: valid credentials are needed"))
    }
    for (pattern, status) in [
      ("cs.evt.cart.*.ada.ItemAdded", 0), ("cs.evt.*.*.ada.ItemAdded", 0),
      ("cs.evt.cart.*.ada.*", 7), ("cs.evt.cart.>", 7), (">", 7),
      ("cs.evt.cart.*.bob.ItemAdded", 7),
      ("cs.evt.other.*.bob.ItemAdded", 7),
    ] {
      let answer = try await grpcByCurl(
        cluster.nodes[0], "/cloudstate.streams.EventStreams/tail",
        Protobuf.text(1, pattern) + Protobuf.number(6, 1), ["authorization: Bearer token-of-ada"])
      #expect(answer.grpcStatus == status, "\(pattern)")
    }
  }

  @Test("A changed file counts from the next call on; a broken one changes nothing and is told")
  func reload() async throws {
    let cluster = try await TestCluster(nodes: 1, nodeArguments: ["--access", path])
    let node = cluster.nodes[0]
    func status(_ principal: String) async throws -> Int? {
      try await perform(.httpGet, node, try await headers(principal)).httpStatus
    }
    #expect(try await status("sender") == 200)
    try writeFile(["reader", "tailer", "admin", "root"])
    // The rules name somebody now whom no token has, but a JSON Web Token may.
    try await eventually("the token is gone") { try await status("sender") == 401 }
    #expect(try await status("root") == 200)

    try "version: 1\nruels: []\n".write(toFile: path, atomically: true, encoding: .utf8)
    let line = try await node.sidecar?.waitForLine(containing: "cannot be used")
    #expect(line?.contains("access.yaml:") == true)
    #expect(try await status("root") == 200)
    #expect(try await status("sender") == 401)

    try writeFile(Self.named)
    try await eventually("the token is back") { try await status("sender") == 200 }
  }

  @Test("A tail ends when its token expires, and when a changed file forbids it")
  func endOfTails() async throws {
    let cluster = try await TestCluster(nodes: 1, nodeArguments: ["--access", path])
    let node = cluster.nodes[0]
    _ = try await perform(.add, node, try await headers("root"))
    func tail(_ token: String) async throws -> TestProcess {
      let tail = try TestProcess(
        builtProduct("cs-tail"), ["--all", "-s", cluster.servers, "--token", token])
      try await tail.waitForLine(containing: "ItemAdded", in: .standardOutput)
      return tail
    }
    let tailer = try await tail("token-of-tailer")
    // The file allows 30 seconds for clocks that differ.
    let expiring = try await tail(try await issuer.token(lifetime: -20))
    #expect(try await expiring.waitForExit(within: .seconds(40)) == .code(6))
    #expect(expiring.output(.standardError).contains("the token has expired"))
    try String(contentsOfFile: path, encoding: .utf8)
      .replacingOccurrences(of: "who: tailer, allow", with: "who: tailer, deny")
      .write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try await tailer.waitForExit(within: .seconds(40)) == .code(6))
    #expect(tailer.output(.standardError).contains("PERMISSION_DENIED"))
  }

  @Test("Strangers hear of the node's health, and of no service")
  func health() async throws {
    let cluster = try await TestCluster(nodes: 1, nodeArguments: ["--access", path])
    func status(_ method: String, _ service: String, _ principal: String) async throws -> Int? {
      try await grpcByCurl(
        cluster.nodes[0], "/grpc.health.v1.Health/\(method)", Protobuf.text(1, service),
        try await headers(principal)
      ).grpcStatus
    }
    let cart = "com.example.shoppingcart.ShoppingCart"
    for (principal, node, service, list) in [
      ("nobody", 0, 5, 16), ("unknown", 0, 5, 16), ("expired", 0, 5, 16), ("tailer", 0, 5, 0),
      ("reader", 0, 0, 0), ("signed", 0, 0, 0),
    ] {
      #expect(try await status("Check", "", principal) == node, "\(principal)")
      #expect(try await status("Check", cart, principal) == service, "\(principal)")
      #expect(try await status("Check", "no.Service", principal) == 5, "\(principal)")
      #expect(try await status("List", "", principal) == list, "\(principal)")
    }
  }

  @Test("A node does not start with a file that is wrong")
  func wrongFile() async throws {
    try "version: 1\ntokens: [{name: ada, sha256: 12}]\nrules: []\n".write(
      toFile: path, atomically: true, encoding: .utf8)
    let result = try await runTool(
      "cs-node",
      [
        "--service", "cart", "--function", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--data",
        "\(folder.path)/data", "--access", path,
      ])
    #expect(result.status == .code(2))
    #expect(result.talk.contains("access.yaml:2:30: sha256 is not 64 hexadecimal digits"))
  }

  @Test("cs-admin makes tokens and explains files and nodes")
  func administration() async throws {
    let made = try await runTool(
      "cs-admin", ["auth", "token", "bob", "--group", "operators", "-o", "jsonl"])
    let token = try #require(made.jsonLines().first)
    let secret = try #require(token["token"] as? String)
    #expect(token["sha256"] as? String == sha256(secret))

    func check(_ subject: String, _ arguments: [String]) async throws -> ProgramResult {
      try await runTool("cs-admin", ["auth", "check", subject] + arguments)
    }
    let allowed = try await check("cs.cmd.cart.GetCart", ["--as", "reader", "--access", path])
    #expect(allowed.status == .code(0))
    #expect(allowed.output.hasPrefix("allowed: reader may send cs.cmd.cart.GetCart\n"))
    let denied = try await check(
      "cs.cmd.cart.AddItem", ["--as", "reader", "--access", path, "-o", "jsonl"])
    #expect(denied.status == .code(6))
    #expect(try denied.jsonLines().first?["rule"] as? Int == 2)
    let group = try await check(
      "cs.evt.cart.>", ["--as", "x", "--group", "operators", "--access", path])
    #expect(group.status == .code(0))
    #expect(try await check("nonsense", ["--as", "x", "--access", path]).status == .code(2))

    // A node without access control says so to its own machine.
    let cluster = try await TestCluster(nodes: 1)
    let online = try await check("cs.cmd.cart.GetCart", ["--as", "x", "-s", cluster.servers])
    #expect(online.status == .code(1))
    #expect(online.talk.contains("this node controls no access"))
  }
}
