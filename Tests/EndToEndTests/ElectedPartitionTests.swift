import CloudstateModel
import Foundation
import TestSupport
import Testing

/// Three coordinators beside a member of etcd each, and nodes with copies, that lose each other on the network.
@Suite(
  .serialized, .needsNetworkNamespaces,
  .enabled(if: etcdProgram != nil && etcdctlProgram != nil, etcdIsMissing))
struct ElectedPartitionTests {
  @Test(
    "A leader that is cut off from the others is replaced, though nodes hear it, and plans go on")
  func leaderCutOff() async throws {
    let cluster = try await cluster()
    try await cluster.waitUntilInSync()
    let load = try await cluster.startFailoverLoad()
    let first = try #require(try await cluster.leader(member: 0))
    let before = try await planNumber(of: cluster)
    try await cluster.isolateCoordinator(first)
    let second = try await leader(of: cluster, otherThan: first)
    try await cluster.coordinators[first]?.waitForLine(
      containing: "does not lead any more", within: .seconds(10))
    // The new leader is heard by all, and makes plans that they follow.
    let drain = try await cluster.administer(["drain", "cart-3"])
    #expect(drain.status == .code(0), "\(drain.talk)")
    try await cluster.waitForShards("cart-3 is drained", within: .seconds(15)) {
      $0.state == .serving && $0.primary != "cart-3" && !$0.replicas.contains("cart-3")
    }
    #expect(try await planNumber(of: cluster) > before)
    try await cluster.rejoinCoordinator(first)
    try await cluster.coordinators[first]?.waitForLine(
      containing: "stands by: c\(second)", within: .seconds(10))
    #expect(try await cluster.leader(member: first) == second, "who comes back deposes nobody")
    FailoverLoad.check(try await load.stop(), events: try await cluster.allEvents())
  }

  @Test("A node that loses the side of the leader is replaced, though other coordinators hear it")
  func nodeCutOff() async throws {
    let cluster = try await cluster()
    try await cluster.waitUntilInSync()
    let load = try await cluster.startFailoverLoad()
    let leader = try #require(try await cluster.leader(member: 0))
    let node = cluster.nodes[0]
    try await cluster.network.cut(node.member, cluster.coordinatorMembers[leader])
    try await cluster.waitUntilServed(without: node.name, within: .seconds(8))
    try await cluster.network.heal(node.member, cluster.coordinatorMembers[leader])
    try await cluster.waitUntilInSync(within: .seconds(15))
    #expect(try await cluster.leader(member: 0) == leader)
    FailoverLoad.check(try await load.stop(), events: try await cluster.allEvents())
  }

  @Test("A coordinator that lost etcd for a while hears of the leader soon after it is back")
  func coordinatorCutOff() async throws {
    let cluster = try await NamespaceCluster(nodes: 1, isElected: true)
    let member = try await cluster.network.add("apart")
    // It asks one member only, over a connection that it has.
    let apart = try cluster.startCoordinator(
      "apart", in: member, etcd: try #require(cluster.etcd?.endpoints([0])))
    try await apart.waitForLine(containing: "stands by: c", within: .seconds(10))
    let first = try #require(try await cluster.leader(member: 0))
    for other in cluster.coordinatorMembers { try await cluster.network.cut(member, other) }
    // By now the system sends what was not acknowledged again only after another 13 s.
    let end = ContinuousClock.now + .seconds(14)
    cluster.coordinators[first]?.signal(SIGKILL)
    try await cluster.coordinators[first]?.waitForExit()
    let second = try await leader(of: cluster, otherThan: first)
    try await Task.sleep(until: end)
    for other in cluster.coordinatorMembers { try await cluster.network.heal(member, other) }
    try await apart.waitForLine(containing: "stands by: c\(second)", within: .seconds(6))
  }

  // MARK: Parts

  private func cluster() async throws -> NamespaceCluster {
    try await NamespaceCluster(
      nodeArguments: ["--replication", "2"],
      coordinatorArguments: ["--liveness-timeout", "2s", "--rebalance-delay", "300ms"],
      isElected: true)
  }

  private func leader(of cluster: NamespaceCluster, otherThan former: Int) async throws -> Int {
    var found: Int?
    let others = (0..<3).filter { $0 != former }
    try await eventually("another coordinator leads", within: .seconds(10)) {
      found = try await cluster.leader(member: others[0])
      return found != nil && found != former
    }
    return try #require(found)
  }

  private func planNumber(of cluster: NamespaceCluster) async throws -> Int {
    let result = try await cluster.administer(["status", "-o", "jsonl"])
    let status = try #require(try result.jsonLines().first)
    return try #require(status["plan"] as? Int)
  }
}
