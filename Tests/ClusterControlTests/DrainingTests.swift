import CloudstateModel
import Testing

@testable import ClusterControl

/// A node that is drained becomes empty, or it is known why it does not.
@Suite struct DrainingTraces {
  /// Node a has a shard that gets nowhere unless a test helps it.
  private func cluster(_ names: [String] = ["a", "b"]) throws -> RunningCluster {
    try RunningCluster(names, copies: 1, shards: [("a", [], [])]) {
      $0.rebalancing.progressTimeout = .seconds(6)
    }
  }

  private func drain(_ name: String, force: Bool = false) throws -> OperatorRequest {
    .drain(try node(name), force: force)
  }

  private func passUntilDone(_ cluster: inout RunningCluster, _ id: UInt64) throws {
    var steps = 0
    while cluster.rebalance?.id != id || cluster.rebalance?.state != .done, steps < 1000 {
      try cluster.pass(0.25)
      steps += 1
    }
    try #require(cluster.rebalance?.id == id && cluster.rebalance?.state == .done)
  }

  @Test("What was given up of a drained node is tried again after growing pauses, until it is done")
  func growingPauses() throws {
    var cluster = try cluster()
    _ = cluster.trace.operate(try drain("a"), at: at(cluster.now))
    var pauses: [Int64] = []
    for id in 1...8 as ClosedRange<UInt64> {
      try passUntilDone(&cluster, id)
      let end = try #require(cluster.rebalance?.steps.first?.endedAt)
      #expect(cluster.rebalance?.steps.first?.state == .gaveUp)
      while cluster.rebalance?.id == id, cluster.now < 1000 { try cluster.pass(0.25) }
      let next = try #require(cluster.rebalance)
      #expect(next.reason == "node a is to be drained still")
      pauses.append((next.createdAt.unixMilliseconds - end.unixMilliseconds) / 1000)
    }
    // None is shorter than the rebalance before it took.
    #expect(pauses == [6, 6, 6, 8, 16, 30, 30, 30])
    #expect(
      cluster.trace.reports.contains {
        $0.hasSuffix("1 given up; node a is to be drained still, and it is tried again in 8000 ms")
      })

    try cluster.report("a", 0) { $0.caughtUp = [try! node("b")] }
    try cluster.pass(1)
    try cluster.report("a", 0) { $0.isFenced = true }
    try cluster.report("b", 0) { _ in }
    try cluster.pass(1)
    #expect(try cluster.assignment(0).primary == node("b"))
    #expect(cluster.rebalance?.state == .done)
    #expect(cluster.trace.machine.retryPauses == RetryPauses())
    #expect(cluster.trace.machine.planDocument().settled == true)
    try cluster.pass(60)
    #expect(cluster.rebalance?.id == 9)
  }

  @Test("Nothing is tried again for a node that is not drained any more")
  func undrained() throws {
    var cluster = try cluster()
    _ = cluster.trace.operate(try drain("a"), at: at(cluster.now))
    try cluster.pass(4)
    _ = cluster.trace.operate(.undrain(try node("a")), at: at(cluster.now))
    try passUntilDone(&cluster, 1)
    try cluster.pass(60)
    #expect(cluster.rebalance?.id == 1)
  }

  @Test("What an operator aborts begins anew when it is asked for, not by itself")
  func aborted() throws {
    var cluster = try cluster()
    _ = cluster.trace.operate(try drain("a"), at: at(cluster.now))
    try cluster.pass(4)
    #expect(cluster.trace.machine.planDocument().settled == false)
    _ = cluster.trace.operate(try drain("a"), at: at(cluster.now))
    #expect(
      cluster.trace.operate(.abort(), at: at(cluster.now))
        == .done(
          "rebalance 1 is aborted; what was moved stays, and node a is not empty: cs-admin drain a goes on"
        ))
    #expect(cluster.trace.machine.planDocument().settled == true)
    try cluster.pass(60)
    #expect(cluster.rebalance?.id == 1)
    #expect(cluster.rebalance?.state == .aborted)
    _ = cluster.trace.operate(try drain("a"), at: at(cluster.now))
    #expect(cluster.trace.machine.planDocument().settled == false)
    try cluster.pass(4)
    #expect(cluster.rebalance?.id == 2)
  }

  @Test("What happened while a rebalance ran is not forgotten with it")
  func abortedWithNews() throws {
    var cluster = try cluster()
    _ = cluster.trace.operate(try drain("a"), at: at(cluster.now))
    try cluster.pass(4)
    cluster.trace.machine.triggerRebalance("node z is lost", at: at(cluster.now))
    #expect(
      cluster.trace.operate(.abort(), at: at(cluster.now))
        == .done(
          "rebalance 1 is aborted; what was moved stays; another one is due: node z is lost"))
    try cluster.pass(10)
    #expect(cluster.rebalance?.id == 2)
  }

  @Test("Between two tries an operator ends them, too")
  func abortedPause() throws {
    var cluster = try cluster()
    _ = cluster.trace.operate(try drain("a"), at: at(cluster.now))
    try passUntilDone(&cluster, 1)
    #expect(cluster.trace.machine.planDocument().settled == false)
    #expect(!cluster.trace.operate(.abort(), at: at(cluster.now)).isNotFound)
    #expect(cluster.rebalance?.state == .aborted)
    #expect(cluster.trace.machine.planDocument().settled == true)
    #expect(cluster.trace.operate(.abort(), at: at(cluster.now)).isNotFound)
    try cluster.pass(60)
    #expect(cluster.rebalance?.id == 1)
  }

  @Test(
    "A node that nobody could replace is drained by force only, and it is known that it keeps all")
  func noTarget() throws {
    var cluster = try cluster()
    _ = cluster.trace.operate(try drain("b"), at: at(cluster.now))
    let refusal = cluster.trace.operate(try drain("a"), at: at(cluster.now))
    #expect(
      refusal
        == .conflict(
          "no other node of service cart could take the shards of node a; start or undrain another node first, or let "
            + "them stay until there is one: cs-admin drain a --force"))
    #expect(!cluster.trace.operate(try drain("a", force: true), at: at(cluster.now)).isConflict)
    #expect(cluster.trace.machine.planDocument().settled == false)
    try cluster.pass(4)
    #expect(cluster.rebalance == nil)
    #expect(cluster.trace.machine.planDocument().settled == true)
  }

  @Test("While a node is down that is not lost yet, more is to come")
  func notSettled() throws {
    var cluster = try cluster()
    try cluster.kill("a")
    #expect(cluster.trace.machine.planDocument().settled == false)
    try cluster.pass(70)
    #expect(cluster.trace.machine.planDocument().settled == true)
  }
}
