import Foundation
import TestSupport
import Testing

/// Nodes that die or stand still while other nodes keep copies of their shards.
@Suite(.serialized) struct FailoverTests {
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
    var random = SeededGenerator(seed: testSeed("failover \(name)"))
    let cluster = try await TestCluster(
      nodes: 3, function: .embedded, shards: 12,
      nodeArguments: ["--replication", "2"], hasAdmin: true)
    try await cluster.waitUntilInSync()
    let load = try await FailoverLoad(cluster.nodes.map(\.address))
    for _ in 0..<Self.rounds {
      // Random moments are the point here; nothing waits for this time to pass.
      try await Task.sleep(for: .milliseconds(Int.random(in: 50...700, using: &random)))
      let node = cluster.nodes[Int.random(in: 0..<cluster.nodes.count, using: &random)]
      try await harm(cluster, node, &random)
      try await cluster.waitUntilInSync()
    }
    let result = try await load.stop()
    print("\(name): \(result.counts), out of reach for at most \(result.longest) s")
    #expect((result.counts["adds"] ?? 0) > 100)
    FailoverLoad.check(result, events: try await cluster.allEvents())
  }
}
