import CloudstateModel
import Foundation
import TestSupport
import Testing

/// The coordinator is killed, started again, or replaced by another one, while it moves shards: no command fails, no
/// plan goes back, and the moves end.
@Suite(.serialized) struct CoordinatorMoveTests {
  /// One after the other, so that there is time to do harm.
  private static let coordinatorArguments = [
    "--rebalance-delay", "200ms", "--maximum-concurrent-moves", "1",
  ]

  /// How long etcd is away at least; `CS_ETCD_AWAY_SECONDS` for longer.
  private static let withoutEtcd: Duration = .seconds(
    ProcessInfo.processInfo.environment["CS_ETCD_AWAY_SECONDS"].flatMap(Int.init) ?? 0)

  @Test("The only coordinator is killed twice while it moves shards, and ends what it began")
  func embedded() async throws {
    let cluster = try await TestCluster(
      function: .embedded, shards: 48, nodeArguments: ["--replication", "2"],
      coordinatorArguments: Self.coordinatorArguments, hasAdmin: true)
    try await cluster.waitUntilInSync()
    let load = SteadyLoad(cluster)
    let watch = PlanWatch("127.0.0.1:\(try #require(cluster.adminPort))")
    try await drain("cart-3", of: cluster)
    var processes = [try #require(cluster.coordinator)]
    for _ in 0..<2 {
      try await waitForMove(in: cluster)
      try await cluster.killCoordinator()
      try cluster.startCoordinator()
      processes.append(try #require(cluster.coordinator))
    }
    try await waitUntilDrained("cart-3", of: cluster)
    try await end(load, watch, of: cluster)
    PlanHistory.check(processes.map { $0.output(.standardError) })
  }

  @Test(
    "The leading coordinator is killed while it moves shards, and the next one ends what it began",
    .enabled(if: etcdProgram != nil && etcdctlProgram != nil, etcdIsMissing))
  func elected() async throws {
    let (coordinators, cluster, load, watch) = try await movingWithEtcd(shards: 48)
    let first = try await coordinators.leader()
    var processes = coordinators.processes.compactMap(\.self)
    try await coordinators.kill(first)
    let second = try await coordinators.leader(otherThan: first, within: .seconds(8))
    try coordinators.start(first)
    processes += [coordinators.processes[first]].compactMap(\.self)
    // Asked to stop it hands over at once.
    try await waitForMove(in: cluster)
    try await coordinators.stop(second)
    _ = try await coordinators.leader(otherThan: second, within: .seconds(8))
    try await waitUntilDrained("cart-3", of: cluster)
    try await end(load, watch, of: cluster)
    PlanHistory.check(processes.map { $0.output(.standardError) })
  }

  @Test(
    "Without etcd data with copies flows on, and the moves end when it is back",
    .enabled(if: etcdProgram != nil && etcdctlProgram != nil, etcdIsMissing))
  func etcdLost() async throws {
    let (coordinators, cluster, load, watch) = try await movingWithEtcd(shards: 24)
    let first = try await coordinators.leader()
    for member in 0..<3 { try await coordinators.etcd.kill(member) }
    try await coordinators.processes[first]?.waitForLine(
      containing: "does not lead any more", within: .seconds(10))
    let status = try await cluster.administer(["status", "--timeout", "1s"])
    #expect(status.status == .code(3))
    #expect(status.talk.contains("etcd has not renewed the lease"), "\(status.talk)")
    // All carts go on.
    let back = ContinuousClock.now + Self.withoutEtcd
    var sent = 0
    repeat {
      for user in 0..<20 {
        let add = try await runTool(
          "cs-send",
          [
            "-s", cluster.servers, "ShoppingCart/AddItem",
            #"{"userId":"u\#(user)","productId":"alone\#(sent)","name":"Tea","quantity":1}"#,
          ])
        #expect(add.status == .code(0), "u\(user): \(add.talk)")
        sent += 1
      }
    } while ContinuousClock.now < back
    for member in 0..<3 { try coordinators.etcd.start(member) }
    try await waitUntilDrained("cart-3", of: cluster)
    try await end(load, watch, of: cluster, others: sent)
    PlanHistory.check((0..<3).map(coordinators.log))
  }

  // MARK: Parts

  /// Three coordinators that share an etcd, and a cluster under load that gives up a node, with a shard on its way.
  private func movingWithEtcd(
    shards: Int
  ) async throws -> (ElectedCoordinators, TestCluster, SteadyLoad, PlanWatch) {
    let coordinators = try await ElectedCoordinators(
      lease: "2s", arguments: Self.coordinatorArguments)
    let cluster = try await TestCluster(
      function: .embedded, shards: shards, nodeArguments: ["--replication", "2"],
      otherCoordinators: coordinators)
    try await cluster.waitUntilInSync()
    let load = SteadyLoad(cluster)
    let watch = PlanWatch(coordinators.adminAddresses)
    try await drain("cart-3", of: cluster)
    try await waitForMove(in: cluster)
    return (coordinators, cluster, load, watch)
  }

  private func drain(_ node: String, of cluster: TestCluster) async throws {
    let result = try await cluster.administer(["drain", node])
    #expect(result.status == .code(0), "\(result.talk)")
  }

  private func waitForMove(in cluster: TestCluster) async throws {
    try await eventually("a shard is on its way", within: .seconds(20)) {
      let result = try await cluster.administer(["plan", "show", "-o", "jsonl"])
      guard let plan = try result.jsonLines().first else { return false }
      // Between two moves the rebalance goes on.
      let rebalance = plan["rebalance"] as? [String: Any]
      return (plan["moves"] as? [Any])?.isEmpty == false
        || rebalance?["state"] as? String == "running"
    }
  }

  private func waitUntilDrained(_ node: String, of cluster: TestCluster) async throws {
    try await cluster.waitForShards("\(node) is drained", within: .seconds(30)) {
      $0.state == .serving && $0.primary != node && !$0.replicas.contains(node)
        && $0.inSync.count == 1
    }
  }

  private func end(
    _ load: SteadyLoad, _ watch: PlanWatch, of cluster: TestCluster, others: Int = 0
  ) async throws {
    let outcome = try await load.stop()
    try await watch.stop()
    #expect(outcome.failures.isEmpty, "\(outcome.failures.first ?? "")")
    #expect(outcome.sent > 0)
    let events = try await cluster.allEvents()
    #expect(events.count == outcome.sent + others)
    JournalCheck.check(events, acknowledged: [])
  }
}
