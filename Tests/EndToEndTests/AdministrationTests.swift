import Foundation
import TestSupport
import Testing

/// `cs-admin` and a real coordinator with real nodes.
struct AdministrationTests {
  @Test("An operator sees the cluster, drains a node with approval, and is told of a dead one")
  func operation() async throws {
    let port = try freePort()
    let cluster = try await TestCluster(
      nodes: 2,
      coordinatorArguments: [
        "--admin", "127.0.0.1:\(port)", "--approve-plans", "--rebalance-delay", "200ms",
      ])
    func admin(_ arguments: String...) async throws -> ProgramResult {
      try await runTool("cs-admin", arguments + ["--coordinator", "127.0.0.1:\(port)"])
    }
    let nodes = try await admin("nodes")
    #expect(nodes.status == .code(0), "\(nodes.talk)")
    #expect(nodes.output.contains("cart-1") && nodes.output.contains("alive"))
    let shards = try await admin("shards", "-o", "json")
    let document = try #require(try shards.jsonLines().first)
    #expect((document["shards"] as? [Any])?.count == 16)
    let own = try await admin("shards", "--node", "cart-1", "-o", "json")
    #expect((try own.jsonLines().first?["shards"] as? [Any])?.count == 8)
    let unknown = try await admin("shards", "--node", "nobody")
    #expect(unknown.status == .code(5))
    #expect(unknown.talk.contains("there is cart-1,cart-2"))
    let sent = try await runTool(
      "cs-send",
      [
        "-s", cluster.servers, "--count", "40", "ShoppingCart/AddItem",
        #"{"userId":"ada","productId":"tea","name":"Tea","quantity":2}"#,
      ])
    #expect(sent.status == .code(0), "\(sent.talk)")
    try await eventually("the commands are counted with their shard") {
      let shards = try await admin("shards", "-o", "json").jsonLines().first?["shards"]
      let rates = (shards as? [[String: Any]])?.compactMap { $0["commandsPerSecond"] as? Double }
      return rates?.count { $0 > 0 } == 1
    }
    let status = try await admin("status")
    #expect(
      status.output.hasPrefix("OK") || status.output.hasPrefix("DEGRADED"), "\(status.output)")
    #expect(try await admin("top", "--once").output.contains("COMMANDS/S"))

    let drained = try await admin("drain", "cart-2")
    #expect(drained.output == "node cart-2 is being drained: its shards move to other nodes\n")
    #expect(try await admin("drain", "nobody").status == .code(5))
    try await eventually("a rebalance is proposed") {
      try await admin("plan", "show").output.contains("proposed")
    }
    let waited = try await admin("drain", "cart-2", "--wait", "--within", "300ms")
    #expect(waited.status == .code(3))
    #expect(waited.talk.contains("waits for: cs-admin plan approve"))
    #expect(try await admin("plan", "dry-run").output.contains("cart-2"))
    #expect(try await admin("plan", "abort").status == .code(0))
    #expect(try await admin("plan", "abort").status == .code(5))
    #expect(try await admin("plan", "approve").status == .code(5))
    #expect(try await admin("plan", "history").output.contains("are assigned for the first time"))
    let newest = try await admin("plan", "history", "--limit", "1")
    #expect(newest.output.contains("plan ") && newest.output.contains("rebalance "))
    if let oldest = newest.output.split(separator: " ").dropFirst().first.flatMap({ Int($0) }),
      oldest > 1
    {
      #expect(newest.talk.contains("cs-admin plan history --before \(oldest)"), "\(newest.talk)")
      let older = try await admin("plan", "history", "--before", "2")
      #expect(older.output.hasPrefix("plan 1 ") && !older.output.contains("rebalance "))
    }
    #expect(try await admin("undrain", "cart-2").status == .code(0))
    #expect(try await admin("shards", "accept-loss", "cart/0").status == .code(7))

    try await cluster.killSidecar(cluster.nodes[1])
    try await eventually("the dead node is told") {
      let status = try await admin("status")
      return status.status == .code(2) && status.output.contains("node cart-2 is down")
    }
    #expect(try await admin("status").output.hasPrefix("DOWN: unavailable: "))
    // A mistake is not taken for a cluster that is down.
    #expect(try await admin("status", "--no-such-flag").status == .code(3))
    #expect(try await admin("status", "--timeout", "soon").status == .code(3))
    #expect(try await admin("nodes", "--no-such-flag").status == .code(2))
    try await cluster.killCoordinator()
    let silence = try await admin("status")
    #expect(silence.status == .code(3))
    #expect(silence.talk.contains("cs-coordinator --admin"))
  }
}
