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
    let shards = try await admin("shards", "-o", "jsonl")
    let document = try #require(try shards.jsonLines().first)
    #expect((document["shards"] as? [Any])?.count == 16)
    let own = try await admin("shards", "--node", "cart-1", "-o", "jsonl")
    #expect((try own.jsonLines().first?["shards"] as? [Any])?.count == 8)
    // One convention for all commands: indented as json, on one line as jsonl.
    #expect(try await admin("nodes", "-o", "json").output.hasPrefix("{\n  \"nodes\": [\n    {\n"))
    let unscaled = try await admin("scale", "status", "-o", "json")
    #expect(unscaled.status == .code(5))
    #expect(unscaled.output == "{\n  \"services\": []\n}\n")
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
      let shards = try await admin("shards", "-o", "jsonl").jsonLines().first?["shards"]
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
    #expect(waited.talk.contains("waits for: cs-admin plan approve 1"), "\(waited.talk)")
    #expect(try await admin("plan", "dry-run").output.contains("cart-2"))
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
    try await approveByNumber(admin)
    try await replaceProposal(admin)
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

  @Test("A wait for a drain outlives its coordinator, and Ctrl-C ends the wait only")
  func drainWait() async throws {
    let port = try freePort()
    let cluster = try await TestCluster(
      nodes: 2,
      coordinatorArguments: [
        "--admin", "127.0.0.1:\(port)", "--approve-plans", "--rebalance-delay", "200ms",
      ])
    let place = ["--coordinator", "127.0.0.1:\(port)"]
    let drain = ["drain", "cart-2", "--wait"] + place
    let interrupted = try TestProcess(builtProduct("cs-admin"), drain)
    try await interrupted.waitForLine(containing: "waits for: cs-admin plan approve")
    interrupted.signal(SIGINT)
    #expect(try await interrupted.waitForExit() == .code(130))
    let talk = interrupted.output(.standardError)
    #expect(talk.contains("the draining of node cart-2 goes on"), "\(talk)")
    #expect(talk.contains("try: cs-admin undrain cart-2"), "\(talk)")

    let patient = try TestProcess(builtProduct("cs-admin"), drain)
    try await patient.waitForLine(containing: "waits for: cs-admin plan approve")
    try await cluster.killCoordinator()
    try await patient.waitForLine(containing: "no coordinator answers")
    try cluster.startCoordinator()
    try await eventually("what is proposed is approved", within: .seconds(20)) {
      let words = try await runTool("cs-admin", ["plan", "approve"] + place).talk
        .split(whereSeparator: \.isWhitespace)
      guard let number = words.last, UInt64(number) != nil else { return false }
      return try await runTool("cs-admin", ["plan", "approve", String(number)] + place).status
        == .code(0)
    }
    #expect(try await patient.waitForExit(within: .seconds(30)) == .code(0))
    try await cluster.stop()
  }

  private typealias Admin = (_ arguments: String...) async throws -> ProgramResult

  /// Node cart-2 is empty afterwards, by rebalance 1.
  private func approveByNumber(_ admin: Admin) async throws {
    let question = try await admin("plan", "approve")
    #expect(question.status == .code(2))
    #expect(question.talk.contains("try: cs-admin plan approve 1"), "\(question.talk)")
    #expect(try await admin("plan", "show").talk.contains("cs-admin plan approve 1"))
    #expect(try await admin("plan", "approve", "9").status == .code(5))
    let approved = try await admin("plan", "approve", "1")
    #expect(approved.output == "rebalance 1 is approved\n", "\(approved.talk)")
    // The answer was lost, and the operator asks again.
    #expect(try await admin("plan", "approve", "1").status == .code(0))
    let drained = try await admin("drain", "cart-2", "--wait", "--within", "20s")
    #expect(drained.status == .code(0), "\(drained.talk)")
    try await eventually("the rebalance is done") {
      try await admin("plan", "approve", "1").output == "rebalance 1 is done already\n"
    }
  }

  /// Node cart-2 has its shards again afterwards, by rebalance 3.
  private func replaceProposal(_ admin: Admin) async throws {
    #expect(try await admin("undrain", "cart-2").status == .code(0))
    try await eventually("shards are to come back") {
      try await admin("status").output.contains("cs-admin plan approve 2")
    }
    // Nobody has looked at it.
    #expect(try await admin("plan", "approve", "1").output == "rebalance 1 is done already\n")
    #expect(try await admin("plan", "show").output.contains("proposed"))
    #expect(try await admin("drain", "cart-2").status == .code(0))
    try await eventually("the proposal is withdrawn") {
      try await admin("plan", "show").output.contains("replaced: node cart-2 is drained")
    }
    let late = try await admin("plan", "approve", "2")
    #expect(late.status == .code(7))
    #expect(late.talk.contains("rebalance 2 was aborted or replaced"), "\(late.talk)")
    #expect(try await admin("plan", "approve").status == .code(5))
    #expect(try await admin("plan", "abort").status == .code(5))
    let refused = try await admin("drain", "cart-1")
    #expect(refused.status == .code(7), "\(refused.talk)")
    let kept = try await admin("drain", "cart-1", "--force", "--wait")
    #expect(kept.status == .code(7))
    #expect(kept.talk.contains("no other node of service cart can take them"), "\(kept.talk)")
    for node in ["cart-1", "cart-2"] {
      #expect(try await admin("undrain", node).status == .code(0))
    }
    try await eventually("shards are to come back") {
      try await admin("plan", "approve", "3").status == .code(0)
    }
    try await eventually("shards are back", within: .seconds(20)) {
      try await admin("plan", "approve", "3").output == "rebalance 3 is done already\n"
    }
  }
}
