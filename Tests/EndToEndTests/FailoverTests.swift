import Foundation
import TestSupport
import Testing

/// Nodes that die or stand still while other nodes keep copies of their shards.
@Suite(.serialized) struct FailoverTests {
  private struct Report: Decodable {
    let acknowledged: [String: [String]]
    let stale: [String]
    let refused: [String]
    let longest: Double
    let counts: [String: Int]
  }

  /// How often each test does its harm; `CS_FAILOVERS` asks for more (`Scripts/failovers`).
  private static let rounds =
    ProcessInfo.processInfo.environment["CS_FAILOVERS"].flatMap(Int.init) ?? 10

  @Test(
    "A node that is killed loses nothing that was acknowledged, and its shards are served by others"
  )
  func kill() async throws {
    try await harm("kill") { cluster, node, _ in
      try await cluster.killSidecar(node)
      try await cluster.waitUntilServed(without: node, within: .seconds(10))
      try cluster.startSidecar(node)
      try await cluster.waitUntilReady(node)
    }
  }

  @Test(
    "A node that stands still for longer than its lease writes nothing and answers nothing stale afterwards"
  )
  func pause() async throws {
    try await harm("pause") { cluster, node, _ in
      try await cluster.pause(node)
      try await cluster.waitUntilServed(without: node, within: .seconds(15))
      cluster.resume(node)
    }
  }

  private func harm(
    _ name: String,
    _ harm: (TestCluster, TestCluster.Node, inout SeededGenerator) async throws -> Void
  ) async throws {
    let python = try #require(pythonInterpreter, "set CS_PYTHON: see Scripts/test")
    var random = SeededGenerator(seed: testSeed("failover \(name)"))
    let folder = try TemporaryDirectory()
    let cluster = try await TestCluster(
      nodes: 3, function: .embedded, shards: 12,
      nodeArguments: ["--replication", "2"], hasAdmin: true)
    try await cluster.waitUntilInSync()
    let (report, stop) = ("\(folder.path)/report", "\(folder.path)/stop")
    let client = try TestProcess(
      python,
      ["\(repositoryFolder)/Tests/EndToEndTests/Clients/failover_client.py", report, stop]
        + cluster.nodes.map(\.address))
    try await client.waitForLine(
      containing: "working", in: .standardOutput, within: .seconds(30))
    for _ in 0..<Self.rounds {
      // Random moments are the point here; nothing waits for this time to pass.
      try await Task.sleep(for: .milliseconds(Int.random(in: 50...700, using: &random)))
      let node = cluster.nodes[Int.random(in: 0..<cluster.nodes.count, using: &random)]
      try await harm(cluster, node, &random)
      try await cluster.waitUntilInSync()
    }
    try "".write(toFile: stop, atomically: true, encoding: .utf8)
    #expect(try await client.waitForExit(within: .seconds(120)) == .code(0))
    let result = try JSONDecoder().decode(
      Report.self, from: try Data(contentsOf: URL(fileURLWithPath: report)))
    print("\(name): \(result.counts), out of reach for at most \(result.longest) s")
    #expect(result.stale.isEmpty, "\(result.stale.prefix(5))")
    #expect(result.refused.isEmpty, "\(result.refused.prefix(5))")
    #expect((result.counts["adds"] ?? 0) > 100)

    let events = try await cluster.allEvents()
    let products = events.map(\.product)
    #expect(products.count == Set(products).count, "a command's event is in the journal twice")
    let all = Set(result.acknowledged.values.flatMap(\.self))
    #expect(all.subtracting(products).isEmpty, "what was acknowledged is there")
  }
}
