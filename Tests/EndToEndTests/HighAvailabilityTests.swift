import Foundation
import TestSupport
import Testing

/// Three coordinators on three members of etcd, and nodes that are told of all of them.
@Suite(.serialized, .enabled(if: etcdProgram != nil && etcdctlProgram != nil, etcdIsMissing))
struct HighAvailabilityTests {
  @Test("The leading coordinator is killed: routing goes on, another leads, no plan goes back")
  func leaderKilled() async throws {
    let coordinators = try await ElectedCoordinators()
    let cluster = try await self.cluster(of: coordinators)
    let first = try await coordinators.leader()
    let plan = try await coordinators.planNumber()
    #expect(plan > 0)
    let load = SteadyLoad(cluster)
    try await coordinators.kill(first)
    // The lease, and two seconds to notice and to begin.
    let second = try await coordinators.leader(otherThan: first, within: .seconds(5))
    try await waitForNews(second, in: coordinators, containing: "elected")
    let outcome = try await load.stop()
    #expect(outcome.failures.isEmpty, "\(outcome.failures.first ?? "")")
    #expect(try await cluster.allEvents().count == outcome.sent)
    // The new leader is heard by all: a node that restarts is in its records.
    try await restart(cluster.nodes[0], of: cluster)
    try await waitForNews(second, in: coordinators, containing: "node cart-1 restarted")
    #expect(try await coordinators.planNumber() >= plan)
    // The dead one comes back and stands by.
    try coordinators.start(first)
    try await waitForNews(first, in: coordinators, containing: "stands by")
  }

  @Test("A leader that is asked to stop hands over at once, and no command fails")
  func leaderStopped() async throws {
    let coordinators = try await ElectedCoordinators(lease: "30s")
    let cluster = try await self.cluster(of: coordinators)
    let load = SteadyLoad(cluster)
    let first = try await coordinators.leader()
    try await coordinators.stop(first)
    // Far less than the lease.
    let second = try await coordinators.leader(otherThan: first, within: .seconds(5))
    try await waitForNews(second, in: coordinators, containing: "elected")
    let outcome = try await load.stop()
    #expect(outcome.failures.isEmpty, "\(outcome.failures.first ?? "")")
    #expect(outcome.sent > 0)
    #expect(try await cluster.allEvents().count == outcome.sent)
  }

  @Test("A leader that is stopped beyond its lease writes nothing when it goes on")
  func leaderPaused() async throws {
    let coordinators = try await ElectedCoordinators()
    let cluster = try await self.cluster(of: coordinators)
    let first = try await coordinators.leader()
    coordinators.processes[first]?.signal(SIGSTOP)
    let second = try await coordinators.leader(otherThan: first)
    try await waitForNews(second, in: coordinators, containing: "elected")
    // A node that knows only the old leader: its wish to be a member waits at the old leader's door.
    let late = try TestProcess(
      builtProduct("shopping-cart-node"),
      [
        "--service", "cart", "--node-id", "late", "--listen", "127.0.0.1:0", "--coordinator",
        coordinators.endpoint(first), "--data", "\(cluster.folder.path)/late", "--shards", "16",
      ])
    try await late.waitForLine(containing: "cannot register yet", within: .seconds(20))
    coordinators.processes[first]?.signal(SIGCONT)
    // It leads no more, whichever comes first: its clock, the watch, or a write that the fence refuses.
    try await waitForNews(first, in: coordinators, containing: "does not lead any more")
    try await waitForNews(first, in: coordinators, containing: "stands by: c\(second)")
    // It sends the node to the new leader, and that one writes the node down.
    do {
      try await waitForNews(second, in: coordinators, containing: "node late joined")
    } catch {
      // Whose fault it is shows in what the others say.
      Issue.record(
        """
        the node: \(late.output(.standardError))
        the former leader: \(coordinators.processes[first]?.output(.standardError) ?? "")
        """)
      throw error
    }
    #expect(try await coordinators.leader() == second)
    late.signal(SIGTERM)
    try await late.waitForExit(within: .seconds(30))
  }

  @Test("One member of etcd may die; without etcd data flows on, and plans are made afterwards")
  func etcdLost() async throws {
    let coordinators = try await ElectedCoordinators()
    let cluster = try await self.cluster(of: coordinators)
    try await coordinators.etcd.kill(0)
    // Whether or not that ends a term, somebody leads and writes.
    try await restart(cluster.nodes[0], of: cluster)
    try await eventually("the restart is written", within: .seconds(30)) {
      (0..<3).contains { coordinators.log($0).contains("node cart-1 restarted") }
    }
    // The coordinator says so before etcd has it, and only then the others learn where cart-1 is now.
    try await eventually("the others reach it", within: .seconds(30)) {
      for (node, user) in cluster.nodes.flatMap({ node in (0..<20).map { (node, $0) } }) {
        let result = try await runTool(
          "cs-send", ["-s", node.address, "ShoppingCart/GetCart", #"{"userId":"u\#(user)"}"#])
        guard result.status == .code(0) else { return false }
      }
      return true
    }
    let plan = try await coordinators.planNumber(member: 1)
    let term = try await coordinators.term(member: 1)
    let load = SteadyLoad(cluster)
    try await coordinators.etcd.kill(1)
    try await coordinators.etcd.kill(2)
    try await eventually("nobody leads", within: .seconds(20)) {
      (0..<3).contains { coordinators.log($0).contains("does not lead any more") }
    }
    let outcome = try await load.stop()
    #expect(outcome.failures.isEmpty, "\(outcome.failures.first ?? "")")
    #expect(try await cluster.allEvents().count == outcome.sent)

    for member in 0..<3 { try coordinators.etcd.start(member) }
    for member in 0..<3 { try await coordinators.etcd.waitUntilHealthy(member) }
    try await eventually("there is a new term", within: .seconds(20)) {
      let now = try await coordinators.term()
      return now != nil && now != term
    }
    let leader = try await coordinators.leader()
    try await restart(cluster.nodes[1], of: cluster)
    try await waitForNews(leader, in: coordinators, containing: "node cart-2 restarted")
    #expect(try await coordinators.planNumber() >= plan)
  }

  @Test("Operators are served by the leader, whichever coordinator they ask")
  func administration() async throws {
    let coordinators = try await ElectedCoordinators()
    let leader = try await coordinators.leader()
    let standby = (leader + 1) % 3
    func admin(_ addresses: String) async throws -> ProgramResult {
      try await runTool("cs-admin", ["plan", "history", "--coordinator", addresses])
    }
    let sent = try await admin(coordinators.adminAddress(standby))
    #expect(sent.status == .code(0), "\(sent.talk)")
    let direct = try await runProgram(
      "/usr/bin/env",
      ["curl", "-s", "-i", "http://\(coordinators.adminAddress(standby))/status?a=b"])
    #expect(direct.output.contains("307 Temporary Redirect"), "\(direct.output)")
    #expect(
      direct.output.contains("http://\(coordinators.adminAddress(leader))/status?a=b"),
      "\(direct.output)")
    #expect(direct.output.contains("c\(leader) at \(coordinators.endpoint(leader))"))
    // Those that are asked first may be dead, and the election may be under way.
    try await coordinators.kill(leader)
    #expect(
      try await admin(coordinators.adminAddress(leader)).status == .code(3), "nobody else is named")
    let all = try await runTool(
      "cs-admin",
      [
        "plan", "history", "--timeout", "20s", "--coordinator",
        [leader, standby, (leader + 2) % 3].map(coordinators.adminAddress)
          .joined(separator: ","),
      ])
    #expect(all.status == .code(0), "\(all.talk)")
  }

  // MARK: Parts

  private func cluster(of coordinators: ElectedCoordinators) async throws -> TestCluster {
    try await TestCluster(function: .embedded, otherCoordinators: coordinators)
  }

  private func restart(_ node: TestCluster.Node, of cluster: TestCluster) async throws {
    try await cluster.killSidecar(node)
    try cluster.startSidecar(node)
    try await cluster.waitUntilReady(node)
  }

  private func waitForNews(
    _ index: Int, in coordinators: ElectedCoordinators, containing text: String
  ) async throws {
    try await coordinators.processes[index]?.waitForLine(
      containing: text, within: .seconds(20))
  }
}
