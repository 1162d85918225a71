import CloudstateModel
import Testing

@testable import ClusterControl

/// An approval is for what was looked at, and for nothing else.
@Suite struct ApprovalTraces {
  /// Each of a and b has a shard.
  private func cluster() throws -> RunningCluster {
    try RunningCluster(["a", "b", "c"], copies: 1, shards: [("a", [], []), ("b", [], [])]) {
      $0.rebalancing.requiresApproval = true
    }
  }

  private func operate(
    _ request: OperatorRequest, _ cluster: inout RunningCluster
  ) -> OperatorAnswer? {
    cluster.trace.operate(request, at: at(cluster.now))
  }

  /// Moves the only shard of the node to node c.
  private func move(_ index: UInt32, of name: String, _ cluster: inout RunningCluster) throws {
    let target = try node("c")
    try cluster.report(name, index) { $0.caughtUp = [target] }
    try cluster.pass(1)
    try cluster.report(name, index) { $0.isFenced = true }
    try cluster.report("c", index) { _ in }
    try cluster.pass(1)
    try #require(cluster.rebalance?.state == .done)
  }

  @Test("Who had no answer to an approval asks again, and approves nothing that was proposed since")
  func lostAnswer() throws {
    var cluster = try cluster()
    _ = operate(.drain(try node("a")), &cluster)
    try cluster.pass(4)
    #expect(cluster.trace.reports.contains { $0.hasSuffix("waits for cs-admin plan approve 1") })
    #expect(operate(.approve(1), &cluster) == .done("rebalance 1 is approved"))
    #expect(operate(.approve(1), &cluster) == .done("rebalance 1 is running already"))
    let target = try #require(cluster.rebalance?.steps.first?.target)
    #expect(target == (try node("c")))
    try move(0, of: "a", &cluster)
    #expect(operate(.approve(1), &cluster) == .done("rebalance 1 is done already"))

    _ = operate(.drain(try node("b")), &cluster)
    try cluster.pass(4)
    #expect(cluster.rebalance?.id == 2)
    #expect(operate(.approve(1), &cluster) == .done("rebalance 1 is done already"))
    #expect(cluster.rebalance?.state == .proposed)
    #expect(operate(.abort(1), &cluster).isConflict)
    #expect(cluster.rebalance?.state == .proposed)
    #expect(operate(.approve(3), &cluster).isNotFound)
    #expect(operate(.approve(2), &cluster) == .done("rebalance 2 is approved"))
  }

  @Test(
    "A proposal is withdrawn when something else is to be done, and cannot be approved any more")
  func undrained() throws {
    var cluster = try cluster()
    _ = operate(.drain(try node("a")), &cluster)
    try cluster.pass(4)
    #expect(cluster.rebalance?.steps.first?.source == (try node("a")))
    _ = operate(.undrain(try node("a")), &cluster)
    // It is known already that another one is due.
    for number in [1, nil] as [UInt64?] {
      #expect(
        operate(.approve(number), &cluster)
          == .conflict(
            "rebalance 1 is about to be replaced (node a is undrained); look again soon: cs-admin plan show"
          ))
    }
    try cluster.pass(4)
    #expect(operate(.approve(1), &cluster).isConflict)
    #expect(operate(.approve(), &cluster).isNotFound)
    #expect(cluster.rebalance?.steps.first?.outcome == "replaced: node a is undrained")
    #expect(operate(.abort(1), &cluster) == .done("rebalance 1 is aborted already"))
    #expect(cluster.plan.number == 5)

    _ = operate(.drain(try node("a")), &cluster)
    try cluster.pass(4)
    _ = operate(.drain(try node("b")), &cluster)
    try cluster.pass(4)
    #expect(cluster.rebalance?.id == 3)
    #expect(cluster.rebalance?.reason == "node b is drained")
    #expect(Set(cluster.rebalance?.steps.compactMap(\.source) ?? []) == Set(try nodes("a", "b")))
    let mismatch = operate(.approve(2), &cluster)
    #expect(
      mismatch
        == .conflict(
          "rebalance 2 is aborted, and rebalance 3 is proposed now: look at it with cs-admin plan show"
        ))
  }

  @Test("A proposal keeps its number while the same is to be done")
  func same() throws {
    var cluster = try cluster()
    _ = operate(.drain(try node("a")), &cluster)
    try cluster.pass(4)
    cluster.trace.machine.triggerRebalance("a test", at: at(cluster.now))
    try cluster.pass(4)
    #expect(cluster.trace.machine.rebalanceTrigger == nil)
    #expect(operate(.approve(1), &cluster) == .done("rebalance 1 is approved"))
  }

  @Test("A proposal is made anew without a node of it that goes down")
  func targetDown() throws {
    var cluster = try cluster()
    _ = operate(.drain(try node("a")), &cluster)
    try cluster.pass(4)
    #expect(cluster.rebalance?.steps.first?.target == (try node("c")))
    try cluster.kill("c")
    try cluster.pass(4)
    #expect(cluster.rebalance?.id == 2)
    #expect(cluster.rebalance?.steps.first?.target == (try node("b")))
  }

  @Test("What became of rebalances is remembered for the last of them")
  func past() {
    var past = PastRebalances()
    for id in 1...100 as ClosedRange<UInt64> {
      past.add(Rebalance(id: id, reason: "", createdAt: at(0).wall, state: .done, steps: []))
    }
    #expect(past[36] == nil)
    #expect(past[37] == .done)
  }
}
