import CloudstateModel
import Foundation
import TestSupport
import Testing

/// Nodes with copies of their shards that lose each other, or the coordinator, on the network, while clients who
/// reach all of them write and read.
@Suite(.serialized, .needsNetworkNamespaces) struct ReplicatedPartitionTests {
  private static let coordinatorArguments = [
    "--liveness-timeout", "2s", "--rebalance-delay", "500ms",
  ]

  @Test("A primary that hears nobody is replaced, answers nothing stale and confirms nothing")
  func isolated() async throws {
    let cluster = try await cluster(replication: 3)
    try await cluster.waitUntilInSync(copies: 2)
    let load = try await cluster.startFailoverLoad()
    let node = cluster.nodes[0]
    try await cluster.isolate(node)
    // The silence, two seconds, and the lease, one.
    try await cluster.waitUntilServed(without: node.name, within: .seconds(8))
    try await expectService(by: cluster.nodes[1], of: cluster)
    try await expectSilence(of: node, of: cluster)
    try await cluster.rejoin(node)
    try await cluster.waitUntilInSync(copies: 2, within: .seconds(15))
    FailoverLoad.check(try await load.stop(), events: try await cluster.allEvents())
  }

  @Test(
    "A primary that is heard by the coordinator goes on without the replica that it does not reach")
  func cutFromReplica() async throws {
    let cluster = try await cluster(replication: 2)
    try await cluster.waitUntilInSync()
    let load = try await cluster.startFailoverLoad()
    let (one, other) = (cluster.nodes[0], cluster.nodes[1])
    try await cluster.network.cut(from: one.member, to: other.member)
    try await cluster.waitForShards("nobody waits for a copy out of reach", within: .seconds(8)) {
      $0.state != .starting && $0.state != .unavailable
        && !($0.primary == one.name && $0.inSync.contains(other.name))
        && !($0.primary == other.name && $0.inSync.contains(one.name))
    }
    // Who reaches everybody serves everything.
    try await expectService(by: cluster.nodes[2], of: cluster)
    try await cluster.network.heal(from: one.member, to: other.member)
    try await cluster.waitUntilInSync(within: .seconds(15))
    FailoverLoad.check(try await load.stop(), events: try await cluster.allEvents())
  }

  @Test(
    "A primary that reaches its replicas and not the coordinator is replaced, and serves no more")
  func cutFromCoordinator() async throws {
    let cluster = try await cluster(replication: 2)
    try await cluster.waitUntilInSync()
    let load = try await cluster.startFailoverLoad()
    let node = cluster.nodes[0]
    try await cluster.network.cut(from: node.member, to: cluster.coordinatorMembers[0])
    try await cluster.waitUntilServed(without: node.name, within: .seconds(8))
    try await expectService(by: cluster.nodes[1], of: cluster)
    try await cluster.network.heal(from: node.member, to: cluster.coordinatorMembers[0])
    try await cluster.waitUntilInSync(within: .seconds(15))
    FailoverLoad.check(try await load.stop(), events: try await cluster.allEvents())
  }

  // MARK: Parts

  private func cluster(replication: Int) async throws -> NamespaceCluster {
    try await NamespaceCluster(
      nodeArguments: ["--replication", "\(replication)"],
      coordinatorArguments: Self.coordinatorArguments)
  }

  private static let users = 0..<12

  private func cart(_ user: Int, _ method: String, by node: NamespaceCluster.Node) -> [String] {
    [
      "-s", node.address, "--timeout", "2s", "ShoppingCart/\(method)",
      method == "GetCart"
        ? #"{"userId":"u\#(user)"}"#
        : #"{"userId":"u\#(user)","productId":"p-\#(user)-\#(node.name)","name":"P","quantity":1}"#,
    ]
  }

  /// Every shard takes a command.
  private func expectService(
    by node: NamespaceCluster.Node, of cluster: NamespaceCluster
  ) async throws {
    for user in Self.users {
      let result = try await cluster.run("cs-send", cart(user, "AddItem", by: node))
      #expect(result.status == .code(0), "u\(user): \(result.talk)")
    }
  }

  /// No shard answers, not even a question.
  private func expectSilence(
    of node: NamespaceCluster.Node, of cluster: NamespaceCluster
  ) async throws {
    let attempts = try Self.users.flatMap { user in
      try ["GetCart", "AddItem"].map { try cluster.start("cs-send", cart(user, $0, by: node)) }
    }
    for attempt in attempts {
      let exit = try await attempt.waitForExit(within: .seconds(20))
      #expect(exit != .code(0), "\(attempt.output(.standardOutput))")
    }
  }
}
