import Foundation
import TestSupport
import Testing

/// Nodes that look for damage before anyone meets it.
@Suite(.serialized) struct ScrubbingTests {
  @Test("A flipped bit in a table that nobody reads is found, and the shard heals by itself")
  func healsByItself() async throws {
    let cluster = try await TestCluster(
      nodes: 2, shards: 2,
      nodeArguments: ["--replication", "2", "--scrub-interval", "1s", "--scrub-rate", "16777216"],
      hasAdmin: true)
    var random = SeededGenerator(seed: testSeed("scrubbing"))
    for number in 0..<16 { try await fill(cluster, "user-\(number % 4)", using: &random) }
    try await cluster.waitUntilInSync()
    try await cluster.stop()

    let node = try #require(cluster.nodes.first)
    let path = "\(cluster.folder.path)/\(node.name)"
    try await flipBit(in: path)
    try await cluster.start()
    try await eventually("the damage is found", within: .seconds(30)) {
      count("scrubbing has found damage", node) > 0
    }
    // The copy is made anew by the other node, and the next passes find nothing in it.
    try await cluster.waitUntilInSync()
    try await eventually("a pass finds nothing any more", within: .seconds(30)) {
      let found = count("scrubbing has found damage", node)
      let passes = count("all copies were checked", node)
      try await eventually("two more passes", within: .seconds(20)) {
        count("all copies were checked", node) >= passes + 2
      }
      return count("scrubbing has found damage", node) == found
    }
    try await cluster.waitUntilInSync()
    try await cluster.stop()
    let paths = cluster.nodes.map { "\(cluster.folder.path)/\($0.name)" }
    let both = try await runTool("cs-admin", ["data", "verify"] + paths)
    #expect(both.status == .code(0), "\(both.talk)")
  }

  private func count(_ text: String, _ node: TestCluster.Node) -> Int {
    (node.sidecar?.output(.standardError) ?? "").components(separatedBy: text).count - 1
  }

  /// Adds something of several blocks that cannot be compressed.
  private func fill(
    _ cluster: TestCluster, _ user: String, using random: inout SeededGenerator
  ) async throws {
    let name = (0..<1500).map { _ in
      String(UInt64.random(in: .min ... .max, using: &random), radix: 36)
    }.joined()
    let product = UInt32.random(in: .min ... .max, using: &random)
    let result = try await runTool(
      "cs-send",
      [
        "-s", cluster.servers, "ShoppingCart/AddItem",
        #"{"userId":"\#(user)","productId":"p\#(product)","name":"\#(name)","quantity":1}"#,
      ])
    #expect(result.status == .code(0), "\(result.talk)")
  }

  /// Flips a bit of a table such that the database opens and records are damaged.
  private func flipBit(in path: String) async throws {
    // What is in the log goes to tables when the database is opened.
    #expect(try await runTool("cs-admin", ["data", "verify", path]).status == .code(0))
    let tables = try FileManager.default.contentsOfDirectory(atPath: path)
      .filter { $0.hasSuffix(".sst") }
      .map { URL(fileURLWithPath: "\(path)/\($0)") }
    let largest = try #require(
      try tables.map { (table: $0, size: try Data(contentsOf: $0).count) }
        .max { $0.size < $1.size }?.table)
    let sound = try Data(contentsOf: largest)
    #expect(sound.count > 100_000)
    var bytes = sound
    bytes[sound.count / 3] ^= 4
    try bytes.write(to: largest)
    let result = try await runTool("cs-admin", ["data", "verify", path])
    #expect(result.status == .code(1), "\(result.talk)")
    #expect(result.talk.contains("shard"), "\(result.talk)")
  }
}
