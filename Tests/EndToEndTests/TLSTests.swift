import Foundation
import TestSupport
import Testing

/// TLS on the public listener of real nodes, by clients that know nothing of this project and by ours.
@Suite(.serialized) struct TLSTests {
  private let command = "ShoppingCart/AddItem"
  private let item = #"{"userId":"ada","productId":"tea","name":"Tea","quantity":1}"#

  /// A node that speaks TLS.
  private func start(
    _ authority: TestAuthority, _ server: TestAuthority.Issued, _ more: [String] = []
  ) async throws -> TestCluster {
    try await TestCluster(
      nodes: 1, function: .embedded, shards: 4,
      nodeArguments: [
        "--tls-cert", server.certificate, "--tls-key", server.key, "--tls-reload-interval", "100ms",
      ] + more)
  }

  /// What `openssl s_client` says of a connection.
  private func inspect(
    _ node: TestCluster.Node, _ authority: TestAuthority, _ arguments: [String]
  ) async throws -> String {
    let result = try await runProgram(
      "/usr/bin/openssl",
      ["s_client", "-connect", node.address, "-CAfile", authority.certificate, "-showcerts"]
        + arguments)
    return result.output + result.talk
  }

  private func serial(_ node: TestCluster.Node, _ authority: TestAuthority) async throws -> String {
    let shown = "\(authority.folder.path)/shown.pem"
    try await inspect(node, authority, []).write(toFile: shown, atomically: true, encoding: .utf8)
    let result = try await runProgram(
      "/usr/bin/openssl", ["x509", "-in", shown, "-noout", "-serial"])
    return result.output.split(separator: "=").last?.trimmingCharacters(in: .whitespacesAndNewlines)
      ?? ""
  }

  @Test("openssl and curl are served by HTTP/2 and HTTP/1.1, as ALPN says")
  func strangers() async throws {
    let authority = try await TestAuthority()
    let cluster = try await start(authority, try await authority.issueServer())
    let node = cluster.nodes[0]
    #expect(node.sidecar?.output(.standardError).contains("(TLS)") == true)
    for name in ["h2", "http/1.1"] {
      let seen = try await inspect(node, authority, ["-alpn", name, "-servername", "localhost"])
      #expect(seen.contains("ALPN protocol: \(name)"), "\(seen)")
      #expect(seen.contains("Verify return code: 0 (ok)"), "\(seen)")
    }
    #expect(try await inspect(node, authority, ["-tls1_1"]).contains("alert protocol version"))
    let trust = ["--cacert", authority.certificate]
    for (version, number) in [("--http1.1", "1.1"), ("--http2", "2")] {
      let answer = try await curl(
        node, "/carts/ada", trust + [version, "-w", " %{http_version}\n200 x"], scheme: "https")
      #expect(answer.body == "{\"items\":[]} \(number)")
    }
    let plain = try await curl(node, "/carts/ada")
    #expect(plain.status == 400)
    #expect(plain.body == "This port speaks TLS: use https://\n")
  }

  @Test("Clients without a certificate of the authority are not served when it is required")
  func clientCertificates() async throws {
    let authority = try await TestAuthority()
    let ada = try await authority.issue("ada", commonName: "Ada", alternativeNames: "DNS:ada")
    let stranger = try await TestAuthority().issue("w", commonName: "W", alternativeNames: "DNS:w")
    let cluster = try await start(
      authority, try await authority.issueServer(), ["--tls-client-ca", authority.certificate])
    let node = cluster.nodes[0]
    let trust = ["--cacert", authority.certificate]
    func mine(_ issued: TestAuthority.Issued) -> [String] {
      ["--cert", issued.certificate, "--key", issued.key]
    }
    #expect(
      try await curl(node, "/carts/ada", trust + mine(ada), scheme: "https").body
        == #"{"items":[]}"#)
    for refused in [[], mine(stranger)] {
      await #expect(throws: ProcessEnded.self) {
        try await curl(node, "/carts/ada", trust + refused, scheme: "https")
      }
    }
    if let python = pythonInterpreter {
      let script = "\(repositoryFolder)/Tests/EndToEndTests/Clients/secure_client.py"
      for (files, word) in [
        ([ada.certificate, ada.key], "ok"), ([], "UNAVAILABLE"),
        ([stranger.certificate, stranger.key], "UNAVAILABLE"),
      ] {
        let result = try await runProgram(
          python, [script, node.address, authority.certificate] + files, within: .seconds(60))
        #expect(result.output == "\(word)\n", "\(result.talk)")
      }
    }
    let base = [
      "-s", "https://\(node.address)", "--tls-ca", authority.certificate, command, item,
    ]
    let served = try await runTool(
      "cs-send", base + ["--tlscert", ada.certificate, "--tlskey", ada.key])
    #expect(served.status == .code(0), "\(served.talk)")
    let refused = try await runTool("cs-send", base)
    #expect(refused.status == .code(3))
    #expect(refused.talk.contains("--tls-cert FILE"), "\(refused.talk)")
  }

  @Test("Our clients speak TLS, and say what is wrong when they cannot")
  func ours() async throws {
    let authority = try await TestAuthority()
    let cluster = try await start(authority, try await authority.issueServer())
    let node = cluster.nodes[0]
    let address = "https://localhost:\(node.port)"
    let trust = ["--tls-ca", authority.certificate]
    let sent = try await runTool("cs-send", ["-s", address, command, item] + trust)
    #expect(sent.status == .code(0), "\(sent.talk)")
    let tail = try await runTool(
      "cs-tail", ["-s", address, "--all", "--end", "-o", "jsonl"] + trust)
    #expect(tail.status == .code(0), "\(tail.talk)")
    #expect(try tail.jsonLines().count == 1)
    let environment = try await runProgram(
      builtProduct("cs-send"), [command, item],
      environment: [
        "CS_URL": "https://\(node.address)", "CS_TLS_CA": authority.certificate,
        "CS_TOKEN": "secret",
      ])
    #expect(environment.status == .code(0), "\(environment.talk)")
    let bench = try await runTool(
      "cs-bench", ["load", "-s", address, "--seconds", "0.2", "--in-flight", "2"] + trust)
    #expect(bench.status == .code(0), "\(bench.talk)")
    for (arguments, status, text) in [
      (["-s", address], 3, "is not trusted"),
      (["-s", node.address], 3, "use https://"),
      (["-s", "\(address),127.0.0.1:1"], 2, "before each of them"),
      (["-s", address, "--tls-ca", "/nowhere"], 2, "cannot read /nowhere"),
      (["-s", node.address] + trust, 2, "plain text"),
    ] {
      let result = try await runTool("cs-send", arguments + [command, item])
      #expect(result.status == .code(Int32(status)), "\(result.talk)")
      #expect(result.talk.contains(text), "\(result.talk)")
    }
  }

  @Test("New files are for new connections, broken ones change nothing, an open stream goes on")
  func reload() async throws {
    let authority = try await TestAuthority()
    let server = try await authority.issueServer()
    let cluster = try await start(authority, server)
    let node = cluster.nodes[0]
    let address = "https://localhost:\(node.port)"
    let trust = ["--tls-ca", authority.certificate]
    let tail = try TestProcess(
      builtProduct("cs-tail"), ["-s", address, "--all", "-v", "-o", "jsonl"] + trust)
    func send() async throws {
      let result = try await runTool("cs-send", ["-s", address, command, item] + trust)
      #expect(result.status == .code(0), "\(result.talk)")
    }
    try await send()
    try await tail.waitForLine(containing: #""seq":1"#, in: .standardOutput)
    #expect(try await serial(node, authority) == server.serial)
    let next = try await authority.issueServer("next")
    try next.replace(server)
    try await eventually("the new certificate") {
      try await serial(node, authority) == next.serial
    }
    unlink(server.key)
    try await node.sidecar?.waitForLine(containing: "the old ones stay", in: .standardError)
    #expect(try await serial(node, authority) == next.serial)
    try await send()
    try await tail.waitForLine(containing: #""seq":2"#, in: .standardOutput)
    #expect(!tail.output(.standardError).contains("again"), "\(tail.output(.standardError))")
    #expect(
      node.sidecar?.output(.standardError).components(separatedBy: "the old ones stay").count == 2)
  }

  @Test("Files and flags that cannot be used end the start with status 2")
  func wrongStart() async throws {
    let authority = try await TestAuthority()
    let server = try await authority.issueServer()
    let other = try await authority.issueServer("other")
    for (arguments, text) in [
      (["--tls-cert", server.certificate], "--tls-key is missing"),
      (["--tls-key", server.key], "--tls-cert is missing"),
      (["--tls-client-ca", authority.certificate], "client certificates need TLS"),
      (
        ["--tls-cert", server.certificate, "--tls-key", other.key],
        "does not belong to the certificate"
      ),
      (["--tls-cert", "/nowhere", "--tls-key", other.key], "cannot read /nowhere"),
      (
        [
          "--tls-cert", server.certificate, "--tls-key", server.key, "--tls-client-auth", "require",
        ], "needs --tls-client-ca"
      ),
      (["--tls-min-version", "1.1"], "none of 1.2, 1.3"),
      (["--max-connections", "0"], "max-connections must be"),
      (["--stall-timeout", "0s"], "stall-timeout must be"),
    ] {
      let result = try await runTool(
        "cs-node",
        [
          "--service", "cart", "--function", "127.0.0.1:1", "--listen", "127.0.0.1:0", "--data",
          "\(authority.folder.path)/data",
        ] + arguments)
      #expect(result.status == .code(2), "\(arguments): \(result.talk)")
      #expect(result.talk.contains(text), "\(arguments): \(result.talk)")
    }
  }
}
