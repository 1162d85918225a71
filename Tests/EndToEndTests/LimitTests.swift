import Foundation
import TestSupport
import Testing

/// The limits of the public listener of a real node.
@Suite(.serialized) struct LimitTests {
  @Test("With all connections taken, clients are told to come later and operators are still served")
  func connections() async throws {
    let management = try freePort()
    let cluster = try await TestCluster(
      nodes: 1, function: .embedded, shards: 4,
      nodeArguments: ["--max-connections", "1", "--management", "127.0.0.1:\(management)"])
    let node = cluster.nodes[0]
    let tail = try TestProcess(
      builtProduct("cs-tail"), ["-s", node.address, "--all", "-o", "jsonl"])
    try await eventually("the tail's connection") {
      try await curl(node, "/carts/a").status == 503
    }
    let ready = try await runProgram(
      "/usr/bin/curl", ["-sSf", "http://127.0.0.1:\(management)/ready"])
    #expect(ready.status == .code(0), "\(ready.talk)")
    let full = try await curl(node, "/carts/a", ["-D", "-"])
    #expect(full.body.contains("retry-after: 1"))
    let refused = try await runTool(
      "cs-send",
      ["-s", node.address, "--timeout", "1s", "ShoppingCart/GetCart", #"{"userId":"a"}"#])
    #expect(refused.status == .code(3), "\(refused.talk)")
    tail.signal(SIGTERM)
    try await tail.waitForExit()
    try await eventually("a free place") { try await curl(node, "/carts/a").status == 200 }
  }

  @Test("An aged connection is replaced without its client's noticing")
  func age() async throws {
    let cluster = try await TestCluster(
      nodes: 1, function: .embedded, shards: 4,
      nodeArguments: ["--max-connection-age", "1500ms", "--max-connection-age-grace", "1s"])
    let load = try await runTool(
      "cs-send",
      [
        "-s", cluster.servers, "ShoppingCart/GetCart", #"{"userId":"a"}"#, "--duration", "5s",
        "--rate", "200", "--retry",
      ])
    #expect(load.status == .code(0), "\(load.talk)")
  }
}
