import CloudstateModel
import Testing

@testable import ClusterControl

@Suite struct RebalanceTraces {
  @Test("The first plan has in-sync replicas, as many as the service wants")
  func firstPlan() throws {
    var trace = CoordinatorTrace(try expecting(3))
    for name in ["a", "b", "c"] {
      _ = trace.register(try registration(name, shards: 6, copies: 2), at: at(0))
    }
    let plan = trace.machine.durable.plan
    #expect(plan.shards.count == 6)
    #expect(plan.shards.allSatisfy { $0.replicas.count == 1 && $0.inSync == $0.replicas })
    #expect(plan.reason.hasSuffix("a, b, c, with 2 copies each."))
    #expect(trace.machine.durable.replicationFactors == [try service(): 2])
  }

  @Test("Nodes that join one after the other get their share in one rebalance, when all is quiet")
  func joins() throws {
    var cluster = try RunningCluster(
      ["a", "b", "c"], copies: 1, shards: Array(repeating: ("a", [], []), count: 6))
    cluster.silent = ["b", "c"]
    try cluster.pass(6)
    cluster.trace.machine.rebalanceTrigger = nil
    cluster.silent = ["c"]
    try cluster.pass(2)
    cluster.silent = []
    try cluster.pass(2.5)
    #expect(cluster.rebalance == nil)
    try cluster.pass(1)
    let rebalance = try #require(cluster.rebalance)
    #expect(rebalance.reason == "node b is back; node c is back")
    #expect(rebalance.steps.count == 4)
    #expect(Set(rebalance.steps.compactMap(\.target)) == Set(try nodes("b", "c")))
    #expect(rebalance.state == .running)
    #expect(cluster.plan.moves.count == 1, "one at a time from one node")
  }

  @Test("A drained node gives everything away and gets nothing, whatever else happens")
  func drain() throws {
    var cluster = try RunningCluster(
      ["a", "b", "c"], shards: [("a", ["b"], ["b"]), ("b", ["c"], ["c"])])
    #expect(
      cluster.trace.operate(.drain(try node("b")), at: at(cluster.now))
        == .done("node b is being drained: its shards move to other nodes"))
    #expect(cluster.trace.operate(.drain(try node("z")), at: at(cluster.now)).isNotFound)
    try cluster.pass(4)
    let steps = try #require(cluster.rebalance?.steps)
    #expect(steps.contains { $0.source?.text == "b" })
    #expect(!steps.contains { $0.target?.text == "b" })
    #expect(cluster.trace.machine.durable.members[try node("b")]?.isDraining == true)
  }

  @Test("Copies of a node that stays away are placed anew, not before it counts as lost")
  func loss() throws {
    var cluster = try RunningCluster(["a", "b", "c"], shards: [("a", ["b"], ["b"])])
    try cluster.kill("b")
    try cluster.pass(50)
    #expect(cluster.rebalance == nil)
    try cluster.pass(15)
    let rebalance = try #require(cluster.rebalance)
    #expect(rebalance.reason == "node b is lost")
    #expect(
      rebalance.steps.map(\.action) == [.add(try node("c")), .remove(try node("b"))])
    #expect(try cluster.assignment(0).replicas == nodes("b", "c"))
    try cluster.report("a", 0) { $0.caughtUp = [try! node("c")] }
    #expect(try cluster.assignment(0).replicas == nodes("c"))
  }

  @Test("With approval nothing moves until it is given, but failover waits for nobody")
  func approval() throws {
    var cluster = try RunningCluster(
      ["a", "b", "c"], shards: [("a", ["b"], ["b"]), ("a", ["b"], ["b"])]
    ) { $0.rebalancing.requiresApproval = true }
    _ = cluster.trace.operate(.drain(try node("a")), at: at(cluster.now))
    try cluster.pass(10)
    #expect(cluster.rebalance?.state == .proposed)
    #expect(cluster.plan.number == 5)
    try cluster.kill("a")
    #expect(try cluster.assignment(0).primary == node("b"))
    #expect(cluster.rebalance?.state == .proposed)
    // Without node a something else is to be done.
    try cluster.pass(4)
    #expect(cluster.rebalance?.id == 2)
    #expect(cluster.rebalance?.state == .proposed)
    #expect(
      cluster.trace.operate(.approve(), at: at(cluster.now)) == .done("rebalance 2 is approved"))
    #expect(cluster.rebalance?.state != .proposed)
  }

  @Test("A loss is accepted only where there is one, and the copy with the most in it goes on")
  func acceptedLoss() throws {
    var cluster = try RunningCluster(
      ["a", "b", "c"], copies: 3,
      shards: [("a", ["b", "c"], ["b"]), ("b", ["a"], ["a"]), ("a", [], []), ("a", ["b"], ["b"])])
    try cluster.report("c", 0) {
      $0.unusable = "for now"
      $0.lastPosition = Position(9)
    }
    let accept = { (index: UInt32, isEmpty: Bool) throws -> OperatorRequest in
      .acceptLoss(
        try shard(index), allowsEmpty: isEmpty, lost: isEmpty ? [try node("a")] : [])
    }
    #expect(cluster.trace.operate(try accept(0, false), at: at(cluster.now)).isConflict)
    #expect(cluster.trace.operate(try accept(9, false), at: at(cluster.now)).isNotFound)
    try cluster.kill("a", "b")
    // The replica c says it cannot use its copy.
    #expect(cluster.trace.operate(try accept(0, false), at: at(cluster.now)).isConflict)
    cluster.trace.machine.knowledge.forgetUnusable(of: try node("c"))
    #expect(
      cluster.trace.operate(try accept(0, false), at: at(cluster.now))
        == .done("the loss is accepted: shard cart/0 goes on with the copy of node c"))
    #expect(try cluster.assignment(0).primary == node("c"))
    #expect(try cluster.assignment(0).inSync == [])
    #expect(cluster.plan.reason.contains("an operator accepted the loss"))
    #expect(cluster.trace.operate(try accept(2, false), at: at(cluster.now)).isConflict)
    let careless = OperatorRequest.acceptLoss(
      try shard(2), allowsEmpty: true, lost: [try node("b")])
    #expect(cluster.trace.operate(careless, at: at(cluster.now)).isConflict)
    #expect(
      cluster.trace.operate(try accept(2, true), at: at(cluster.now))
        == .done("the loss is accepted: shard cart/2 begins empty at node c"))
  }

  @Test("A loss that is accepted while the disk is slow ends the step that moved the shard")
  func acceptedLossOfMove() throws {
    var cluster = try RunningCluster(["a", "c"], copies: 1, shards: [("a", [], [])]) {
      $0.rebalancing.delay = .seconds(3600)
    }
    cluster.trace.rebalance(
      [
        RebalanceStep(
          shard: try shard(0), action: .move(from: try node("a"), to: try node("c")))
      ], at: at(cluster.now))
    #expect(try cluster.phase(0) == .copying)
    cluster.trace.isDiskHeld = true
    try cluster.kill("a")
    let accept = OperatorRequest.acceptLoss(try shard(0), allowsEmpty: false)
    _ = cluster.trace.operate(accept, at: at(cluster.now))
    cluster.trace.releaseDisk()
    try cluster.pass(1)
    #expect(try cluster.assignment(0).primary == node("c"))
    #expect(try cluster.phase(0) == nil)
    #expect(cluster.rebalance?.steps.first?.state == .dropped)
    #expect(
      cluster.rebalance?.steps.first?.outcome == "an operator accepted the loss of the shard")
    #expect(cluster.rebalance?.state == .done)
  }

  @Test("Of several copies the one that got furthest goes on, by what its process says now")
  func furthestCopy() throws {
    var cluster = try RunningCluster(
      ["a", "b", "c", "d"], copies: 3, shards: [("a", ["b", "c", "d"], ["b"])])
    func end(_ name: String, _ epoch: UInt64, _ position: UInt64) throws {
      try cluster.report(name, 0) {
        $0.isServing = false
        $0.lastEpoch = Epoch(epoch)
        $0.lastPosition = Position(position)
      }
    }
    try end("b", 3, 999)
    try end("c", 2, 500)
    try cluster.kill("a", "b")
    // Node d may have more than c.
    let accept = OperatorRequest.acceptLoss(try shard(0), allowsEmpty: false)
    #expect(cluster.trace.operate(accept, at: at(cluster.now)).isConflict)
    try end("d", 3, 400)
    try end("c", 3, 390)
    #expect(
      cluster.trace.operate(accept, at: at(cluster.now))
        == .done("the loss is accepted: shard cart/0 goes on with the copy of node d"))
  }

  @Test("What a node's last process said of its copy does not count for this one")
  func endsOfLastProcess() throws {
    var cluster = try RunningCluster(
      ["a", "c", "d"], copies: 3, shards: [("a", ["c", "d"], ["d"])])
    for name in ["c", "d"] {
      try cluster.report(name, 0) {
        $0.isServing = false
        $0.lastPosition = Position(9)
      }
    }
    _ = cluster.trace.register(
      try registration("c", incarnation: 2, endpoint: "inproc://c-1", shards: 1, copies: 3),
      at: at(cluster.now))
    #expect(
      cluster.trace.machine.knowledge.ends[try shard(0)] == [
        try node("d"): .init(epoch: .none, position: Position(9))
      ])
  }

  @Test("A node that is drained and still has shards is drained anew when that is asked for again")
  func drainAgain() throws {
    var cluster = try RunningCluster(
      ["a", "b"], copies: 1, shards: [("a", [], []), ("b", [], [])])
    cluster.trace.machine.record.members[try node("a")]?.isDraining = true
    try cluster.pass(10)
    #expect(cluster.rebalance == nil)
    _ = cluster.trace.operate(.drain(try node("a")), at: at(cluster.now))
    try cluster.pass(10)
    #expect(cluster.rebalance?.steps.first?.action == .move(from: try node("a"), to: try node("b")))
  }

  @Test("A node is drained only where enough others remain for all copies, or by force")
  func drainKeepsCopies() throws {
    var cluster = try RunningCluster(
      ["a", "b", "c"], copies: 2, shards: [("a", ["b"], ["b"]), ("c", ["a"], ["a"])])
    let drain = { (name: String, force: Bool) throws -> OperatorRequest in
      .drain(try node(name), force: force)
    }
    #expect(!cluster.trace.operate(try drain("c", false), at: at(cluster.now)).isConflict)
    #expect(cluster.trace.operate(try drain("b", false), at: at(cluster.now)).isConflict)
    #expect(!cluster.trace.operate(try drain("b", true), at: at(cluster.now)).isConflict)
  }

  @Test("A drained node that is down and holds nothing is forgotten, its service with the last one")
  func forgotten() throws {
    var cluster = try RunningCluster(["a", "b"], copies: 1, shards: [("a", [], [])])
    cluster.trace.machine.record.members[try node("b")]?.isDraining = true
    try cluster.kill("b")
    #expect(cluster.trace.machine.durable.members.keys.sorted() == [try node("a")])
    try cluster.kill("a")
    #expect(cluster.trace.machine.durable.members.keys.sorted() == [try node("a")])
  }

  @Test("A coordinator that heard nobody condemns none of those that fell silent together")
  func deafness() throws {
    var cluster = try RunningCluster(
      ["a", "b", "c"], copies: 2, shards: [("a", ["b"], ["b"]), ("c", ["b"], ["b"])])
    try cluster.kill("c")
    #expect(try cluster.assignment(1).primary == node("b"))
    try cluster.pass(10)
    try cluster.kill("a", "b")
    try cluster.pass(20)
    #expect(try cluster.assignment(0).primary == node("a"))
    cluster.silent = ["a", "c"]
    try cluster.pass(1)
    #expect(cluster.trace.liveness("a") == .suspect)
    #expect(cluster.trace.liveness("c") == .down)
    #expect(try cluster.assignment(0).primary == node("a"))
    // Silence that goes on is the node's own.
    try cluster.pass(6)
    #expect(try cluster.assignment(0).primary == node("b"))
  }

  @Test("Nodes that disagree on the number of copies are reported, and the latest word counts")
  func replicationFactors() throws {
    var trace = CoordinatorTrace(try expecting(9))
    _ = trace.register(try registration("a", copies: 1), at: at(0))
    _ = trace.register(try registration("b", copies: 3), at: at(1))
    #expect(trace.machine.durable.replicationFactor(of: try service()) == 3)
    #expect(trace.reports.contains { $0.contains("wants 3 copies of each shard, as node b says") })
    _ = trace.register(try registration("c", copies: 3), at: at(1))
    #expect(trace.reports.filter { $0.contains("copies of each shard") }.count == 1)
  }
}

extension OperatorAnswer? {
  var isConflict: Bool { if case .conflict = self { true } else { false } }
  var isNotFound: Bool { if case .notFound = self { true } else { false } }
}
