import Foundation
import TestSupport
import Testing

/// Under load from `cs-send`, with idempotency keys and retries, processes are killed at random moments.
/// At the end every acknowledged command's event is in the journal exactly once.
@Suite(.serialized) struct CrashTests {
  private static let users = 40
  /// Kills of each test; `CS_KILLS` asks for more.
  private static let kills =
    ProcessInfo.processInfo.environment["CS_KILLS"].flatMap(Int.init) ?? 5

  @Test("Kills of a node lose nothing and repeat nothing")
  func killNodes() async throws {
    try await load(name: "node kills", kill: Self.killNode)
  }

  @Test("Kills of a node with its function inside lose nothing and repeat nothing")
  func killEmbeddedNodes() async throws {
    try await load(name: "embedded node kills", function: .embedded, kill: Self.killNode)
  }

  private static func killNode(
    _ cluster: TestCluster, _ random: inout SeededGenerator
  ) async throws {
    let node = cluster.nodes[Int.random(in: 0..<cluster.nodes.count, using: &random)]
    try await cluster.killSidecar(node)
    try cluster.startSidecar(node)
    try await cluster.waitUntilReady(node)
  }

  @Test("Kills of a user function lose nothing and repeat nothing")
  func killFunctions() async throws {
    try await load(name: "function kills") { cluster, random in
      let node = cluster.nodes[Int.random(in: 0..<cluster.nodes.count, using: &random)]
      try await cluster.killFunction(node)
      try cluster.startFunction(node)
    }
  }

  private func load(
    name: String, function: TestCluster.Function = .swift,
    kill: (TestCluster, inout SeededGenerator) async throws -> Void
  ) async throws {
    var random = SeededGenerator(seed: testSeed(name))
    let cluster = try await TestCluster(nodes: 3, function: function, shards: 12)
    let report = "\(cluster.folder.path)/report.jsonl"
    let tail = try TestProcess(
      builtProduct("cs-tail"), ["-s", cluster.servers, "--all", "-o", "jsonl"])
    let sender = try JournalCheck.startLoad(
      cluster, users: Self.users, report: report, duration: "\(Self.kills * 2)s")
    for _ in 0..<Self.kills {
      // Random moments are the point here; nothing waits for this time to pass.
      try await Task.sleep(for: .milliseconds(Int.random(in: 200...1200, using: &random)))
      try await kill(cluster, &random)
    }
    let status = try await sender.waitForExit(within: .seconds(120))
    #expect(status == .code(0), "\(sender.output(.standardError).suffix(3000))")

    for node in cluster.nodes {
      let talk = node.sidecar?.output(.standardError) ?? ""
      #expect(node.sidecar?.exitIfEnded() == nil, "\(node.name) ended: \(talk.suffix(3000))")
    }
    let acknowledged = try JournalCheck.reportedProducts(report)
    #expect(acknowledged.count > 500, "only \(acknowledged.count) commands got through")
    let events = try await cluster.allEvents()
    JournalCheck.check(events, acknowledged: acknowledged)
    try await JournalCheck.checkCarts(cluster, events: events)

    try await eventually("the tail has seen every event", within: .seconds(30)) {
      try tailed(tail).count >= events.count
    }
    let seen = try tailed(tail)
    #expect(seen.count == Set(seen).count, "the tail repeated an event")
    #expect(Set(seen) == Set(events))
    #expect(JournalCheck.isInShardOrder(seen))
  }

  private func tailed(_ tail: TestProcess) throws -> [TailedEvent] {
    let lines = tail.output(.standardOutput).split(
      separator: "\n", omittingEmptySubsequences: false)
    return try lines.dropLast().compactMap { line in
      (try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]).flatMap(
        TailedEvent.init)
    }
  }
}
