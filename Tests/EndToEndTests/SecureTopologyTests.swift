import Foundation
import TestSupport
import Testing

/// The protected example topology, with the secrets that its script makes.
@Suite(.serialized) struct SecureTopologyTests {
  @Test("A topology with TLS, a bus key and access rules serves who has a token, and nobody else")
  func secure() async throws {
    let folder = try TemporaryDirectory()
    let secrets = "\(folder.path)/secrets"
    let bin = try String(builtProduct("cs-up").dropLast("/cs-up".count))
    for _ in 0..<2 {
      // What is there is kept.
      let made = try await runProgram(
        "\(repositoryFolder)/Scripts/make-secrets", [secrets], environment: ["CS_BIN": bin])
      try #require(made.status == .code(0), "\(made.talk)")
    }
    let example = try String(
      contentsOfFile: "\(repositoryFolder)/Topologies/shopping-cart-secure.yaml", encoding: .utf8)
    let topology = "\(folder.path)/secure.yaml"
    try example.replacingOccurrences(of: "../.cloudstate/secrets", with: secrets)
      .replacingOccurrences(of: "ports:\n  base: 9000", with: "ports: free")
      .write(toFile: topology, atomically: true, encoding: .utf8)

    let up = try TestProcess("\(bin)/cs-up", [topology, "--ephemeral", "-o", "jsonl"])
    let line = try await up.waitForLine(
      containing: "publicAddress", in: .standardOutput, within: .seconds(60))
    let nodes = try RunningNode.all(in: line)
    #expect(nodes.count == 3)
    #expect(nodes.allSatisfy { $0.usesTLS == true })
    let servers = nodes.compactMap(\.publicAddress).map { "https://\($0)" }
    try await calls(servers: servers, secrets: secrets)
    up.signal(SIGTERM)
    try await up.waitForExit(within: .seconds(30))
  }

  private func calls(servers: [String], secrets: String) async throws {
    let trust = ["--tls-ca", "\(secrets)/ca.pem"]
    let ada = trust + ["--token-file", "\(secrets)/ada.token"]
    // Through the bus: each node answers for a cart of another one.
    for server in servers {
      let sent = try await runTool(
        "cs-send",
        ["-s", server] + ada + [
          "ShoppingCart/AddItem",
          #"{"userId":"ada","productId":"tea","name":"Tea","quantity":1}"#,
        ])
      #expect(sent.status == .code(0), "\(sent.talk)")
    }
    let server = try #require(servers.first)
    let tail = try await runTool("cs-tail", ["-s", server, "--all", "--end", "-o", "jsonl"] + ada)
    #expect(try tail.jsonLines().count == servers.count, "\(tail.talk)")

    let question = ["ShoppingCart/GetCart", #"{"userId":"ada"}"#]
    let stranger = try await runTool("cs-send", ["-s", server] + trust + question)
    #expect(stranger.status == .code(6), "\(stranger.talk)")
    let distrustful = try await runTool("cs-send", ["-s", server] + question)
    #expect(distrustful.status == .code(3), "\(distrustful.talk)")

    let token = try String(contentsOfFile: "\(secrets)/ada.token", encoding: .utf8)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    let curl = try await runProgram(
      "/usr/bin/curl",
      [
        "-sS", "--cacert", "\(secrets)/ca.pem", "-H", "authorization: Bearer \(token)",
        "\(server)/carts/ada",
      ])
    #expect(
      curl.output == #"{"items":[{"productId":"tea","name":"Tea","quantity":3}]}"#, "\(curl.talk)")
    let asked = try await runTool(
      "cs-admin", ["auth", "check", "cs.cmd.cart.AddItem", "--as", "eve", "-s", server] + ada)
    #expect(asked.status == .code(6), "\(asked.talk)")
  }
}

/// A node, as `cs-up -o json` tells of it.
private struct RunningNode: Decodable {
  let publicAddress: String?
  let usesTLS: Bool?

  static func all(in json: String) throws -> [Self] {
    struct State: Decodable { let processes: [RunningNode] }
    return try JSONDecoder().decode(State.self, from: Data(json.utf8)).processes
      .filter { $0.publicAddress != nil }
  }
}
