import Foundation
import TestSupport
import Testing

/// Under load from `cs-send`, with idempotency keys and retries, processes are killed at random moments.
/// At the end every acknowledged command's event is in the journal exactly once.
@Suite(.serialized) struct CrashTests {
  private static let users = 40

  @Test("Ten kills of a node lose nothing and repeat nothing")
  func killNodes() async throws {
    try await load(name: "node kills", kill: Self.killNode)
  }

  @Test("Ten kills of a node with its function inside lose nothing and repeat nothing")
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

  @Test("Ten kills of a user function lose nothing and repeat nothing")
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
    let sender = try TestProcess(
      builtProduct("cs-send"),
      [
        "-s", cluster.servers, "ShoppingCart/AddItem",
        #"{"userId":"u{{random 1 \#(Self.users)}}","productId":"p{{count}}","name":"P","quantity":1}"#,
        "--template", "--retry", "--auto-key", "--timeout", "60s", "--duration", "20s", "--rate",
        "200", "--concurrency", "16", "--report", report,
      ])
    for _ in 0..<10 {
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
    let acknowledged = try reportedProducts(report)
    #expect(acknowledged.count > 500, "only \(acknowledged.count) commands got through")
    let events = try await cluster.allEvents()
    checkJournal(events, acknowledged: acknowledged)
    try await checkCarts(cluster, events: events)

    try await eventually("the tail has seen every event", within: .seconds(30)) {
      try tailed(tail).count >= events.count
    }
    let seen = try tailed(tail)
    #expect(seen.count == Set(seen).count, "the tail repeated an event")
    #expect(Set(seen) == Set(events))
    #expect(isInShardOrder(seen))
  }

  /// The products of the commands that were acknowledged; each command has a product of its own.
  private func reportedProducts(_ path: String) throws -> Set<String> {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    var products: Set<String> = []
    for line in text.split(separator: "\n") {
      guard
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        object["ok"] as? Bool == true, let request = object["request"] as? [String: Any],
        let product = request["productId"] as? String
      else { continue }
      products.insert(product)
    }
    return products
  }

  private func checkJournal(_ events: [TailedEvent], acknowledged: Set<String>) {
    let products = events.map(\.product)
    #expect(products.count == Set(products).count, "a command's event is in the journal twice")
    #expect(acknowledged.subtracting(products).isEmpty, "an acknowledged event is missing")
    for (entity, events) in Dictionary(grouping: events, by: \.entity) {
      #expect(
        events.map(\.sequence) == Array(1...events.count), "\(entity) has a gap or a repetition")
    }
    #expect(isInShardOrder(events))
  }

  private func isInShardOrder(_ events: [TailedEvent]) -> Bool {
    Dictionary(grouping: events, by: \.shard).values.allSatisfy { shard in
      zip(shard, shard.dropFirst()).allSatisfy { $0.position < $1.position }
    }
  }

  private func checkCarts(_ cluster: TestCluster, events: [TailedEvent]) async throws {
    for (entity, events) in Dictionary(grouping: events, by: \.entity) {
      let user = entity.split(separator: "/").last.map(String.init) ?? ""
      let result = try await runTool(
        "cs-send",
        [
          "-s", cluster.servers, "--retry", "--auto-key", "ShoppingCart/GetCart",
          #"{"userId":"\#(user)"}"#, "--raw",
        ])
      let reply =
        try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
      let items = reply?["items"] as? [[String: Any]] ?? []
      #expect(
        items.compactMap { $0["productId"] as? String } == events.map(\.product),
        "cart of \(user) differs from its journal")
    }
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
