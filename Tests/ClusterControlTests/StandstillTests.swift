import CloudstateModel
import Testing

@testable import ClusterControl

/// Steps that do not get on make room for others.
@Suite struct StandstillTraces {
  private func cluster(
    _ shards: [(primary: String, replicas: [String], inSync: [String])]
  ) throws -> RunningCluster {
    try RunningCluster(["a", "b", "c", "d"], copies: 1, shards: shards) {
      $0.rebalancing.progressTimeout = .seconds(20)
      $0.rebalancing.delay = .seconds(3600)
      $0.rebalancing.maximumConcurrentMoves = 1
      $0.rebalancing.maximumMovesPerNode = 1
    }
  }

  private func move(
    _ index: UInt32, _ source: String, _ target: String
  ) throws -> RebalanceStep {
    RebalanceStep(
      shard: try shard(index), action: .move(from: try node(source), to: try node(target)))
  }

  @Test("A move whose copy does not grow is given up with the reason, and the next step begins")
  func stuckMove() throws {
    var cluster = try cluster([("a", [], []), ("b", [], [])])
    cluster.trace.rebalance([try move(0, "a", "c"), try move(1, "b", "d")], at: at(cluster.now))
    #expect(cluster.plan.moves.map(\.shard.index) == [0])
    for _ in 0..<2 {
      try cluster.report("a", 0) {
        $0.copied = [try! node("c"): ShardReport.CopyGrowth(position: Position(70))]
        $0.lastPosition = Position(100)
      }
      try cluster.pass(9.5)
    }
    #expect(try cluster.phase(0) == .copying)
    try cluster.pass(1.5)
    #expect(try cluster.phase(0) == nil)
    #expect(try cluster.assignment(0).replicas == [])
    #expect(try cluster.assignment(0).primary == node("a"))
    #expect(try cluster.assignment(1).replicas == nodes("d"))
    let step = try #require(cluster.rebalance?.steps.first)
    #expect(step.state == .gaveUp)
    #expect(
      step.outcome
        == "node c has not got on with its copy for 20 s and is at position 70 of 100")
    let reasons = cluster.trace.published.suffix(2).map(\.plan.reason)
    #expect(reasons.contains { $0.contains("has not got on with its copy") })
    let told = cluster.trace.reports.filter { $0.contains("gave up moving shard cart/0") }
    #expect(told.count == 1 && told.first?.contains("cs-admin plan rebalance") == true)
  }

  @Test("A copy that grows slowly is waited for, one that is begun anew again and again is not")
  func slowCopy() throws {
    var cluster = try cluster([("a", [], [])])
    cluster.trace.rebalance([try move(0, "a", "c")], at: at(cluster.now))
    for position in 1...5 {
      try cluster.report("a", 0) {
        $0.copied = [
          try! node("c"): ShardReport.CopyGrowth(position: Position(UInt64(position)))
        ]
      }
      try cluster.pass(15)
      #expect(try cluster.phase(0) == .copying)
    }
    var rounds = 0
    while try cluster.phase(0) != nil, rounds < 20 {
      for position in [0, 9] as [UInt64] {
        try cluster.report("a", 0) {
          $0.copied = [try! node("c"): ShardReport.CopyGrowth(position: Position(position))]
        }
        try cluster.pass(5)
      }
      rounds += 1
    }
    #expect((4...6).contains(rounds))
    #expect(cluster.rebalance?.steps.first?.state == .gaveUp)
  }

  @Test("A primary that says nothing of its shard holds no place for ever")
  func silentPrimary() throws {
    var cluster = try cluster([("a", [], [])])
    cluster.trace.rebalance([try move(0, "a", "c")], at: at(cluster.now))
    try cluster.pass(21)
    #expect(
      cluster.rebalance?.steps.first?.outcome == "node a has said nothing of the shard for 20 s")
    #expect(cluster.rebalance?.state == .done)
  }

  @Test("A new copy that does not come to be is given up, and the old one stays")
  func stuckAddition() throws {
    var cluster = try cluster([("a", ["b"], ["b"])])
    cluster.trace.rebalance(
      [
        RebalanceStep(shard: try shard(0), action: .add(try node("c"))),
        RebalanceStep(shard: try shard(0), action: .remove(try node("b"))),
      ], at: at(cluster.now))
    #expect(try cluster.assignment(0).replicas == nodes("b", "c"))
    try cluster.report("a", 0) { _ in }
    try cluster.pass(21)
    #expect(try cluster.assignment(0).replicas == nodes("b"))
    #expect(try cluster.assignment(0).inSync == nodes("b"))
    #expect(cluster.rebalance?.steps.map(\.state) == [.gaveUp, .dropped])
    #expect(
      cluster.trace.reports.contains { $0.contains("gave up a new copy of shard cart/0 on node c") }
    )
  }

  @Test("A replica that was there before the move stays when it is given up")
  func stuckReplica() throws {
    var cluster = try cluster([("a", ["c"], [])])
    cluster.trace.rebalance([try move(0, "a", "c")], at: at(cluster.now))
    try cluster.report("a", 0) { _ in }
    try cluster.pass(21)
    #expect(try cluster.phase(0) == nil)
    #expect(try cluster.assignment(0).replicas == nodes("c"))
  }

  @Test("A new primary that does not begin to serve is not waited for, and the old copy stays")
  func silentTarget() throws {
    var cluster = try cluster([("a", [], [])])
    cluster.trace.rebalance([try move(0, "a", "b")], at: at(cluster.now))
    try cluster.report("a", 0) { $0.caughtUp = [try! node("b")] }
    try cluster.pass(3)
    try cluster.report("a", 0) { $0.isFenced = true }
    #expect(try cluster.phase(0) == .promoted)
    try cluster.report("b", 0) { $0.isServing = false }
    try cluster.pass(19)
    #expect(try cluster.phase(0) == .promoted)
    try cluster.pass(2)
    #expect(try cluster.phase(0) == nil)
    #expect(try cluster.assignment(0).primary == node("b"))
    #expect(try cluster.assignment(0).replicas == nodes("a"))
    #expect(
      cluster.rebalance?.steps.first?.outcome == "node b has not begun to serve within 20 s")
  }
}
