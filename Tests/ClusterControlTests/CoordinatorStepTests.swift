import CloudstateModel
import Testing

@testable import ClusterControl

/// A running cluster of nodes a, b, c ... with a given plan, in which time passes by heartbeats.
struct RunningCluster {
  var trace: CoordinatorTrace
  var now = 10.0
  var silent: Set<String> = []
  let names: [String]

  /// - Parameter shards: of service cart, from index 0: primary, replicas, those of them that are in-sync.
  init(
    _ names: [String], copies: UInt32 = 2,
    shards: [(primary: String, replicas: [String], inSync: [String])],
    configure: (inout CoordinatorConfiguration) -> Void = { _ in }
  ) throws {
    var configuration = slow()
    configure(&configuration)
    var record = CoordinatorRecord(coordinatorID: "fresh", version: 7)
    record.services = [try service(): UInt32(shards.count)]
    record.replicationFactors = [try service(): copies]
    for name in names {
      record.members[try node(name)] = ClusterMember(info: try card(name), liveness: .alive)
    }
    record.plan = Plan(
      number: 5, reason: "given", createdAt: at(0).wall,
      shards: try shards.enumerated().map { index, entry in
        ShardAssignment(
          shard: try shard(UInt32(index)), primary: try node(entry.primary),
          replicas: try entry.replicas.map { try node($0) },
          inSync: try entry.inSync.map { try node($0) }, epoch: Epoch(3))
      })
    self.names = names
    trace = CoordinatorTrace(configuration, stored: record, at: at(10))
    trace.machine.rebalanceTrigger = nil
    try pass(0.5)
    trace.reports = []
  }

  /// Lets time pass in steps of a quarter of a second; who is not silent is heard in each.
  mutating func pass(_ seconds: Double) throws {
    let end = now + seconds
    while now < end {
      now += 0.25
      for name in names where !silent.contains(name) {
        _ = try trace.heartbeat(
          name, plan: 5, view: trace.machine.durable.version, at: at(now))
      }
      trace.tick(at: at(now))
    }
  }

  /// Time passes until the nodes are down.
  mutating func kill(_ killed: String...) throws {
    silent.formUnion(killed)
    try pass(6)
  }

  mutating func report(
    _ name: String, _ index: UInt32, _ change: (inout ShardReport) -> Void
  ) throws {
    var report = ShardReport(
      shard: try shard(index), epoch: try assignment(index).epoch, isServing: true)
    change(&report)
    _ = try trace.report(name, [report], at: at(now))
  }

  func assignment(_ index: UInt32) throws -> ShardAssignment {
    try #require(PlanDraft(trace.machine.durable.plan)[try shard(index)])
  }

  func phase(_ index: UInt32) throws -> ShardMove.Phase? {
    let shard = try shard(index)
    return trace.machine.durable.plan.moves.first { $0.shard == shard }?.phase
  }

  var plan: Plan { trace.machine.durable.plan }
  var rebalance: Rebalance? { trace.machine.durable.rebalance }
}

private func move(
  _ index: UInt32, _ source: String, _ target: String
) throws -> RebalanceStep {
  RebalanceStep(
    shard: try shard(index), action: .move(from: try node(source), to: try node(target)))
}

@Suite struct FailoverTraces {
  @Test("An in-sync replica takes over, better one that is not drained and has few primaries")
  func takesOver() throws {
    var cluster = try RunningCluster(
      ["a", "b", "c", "d"], copies: 3,
      shards: [
        ("a", ["b", "c"], ["b", "c"]), ("a", ["b", "c"], ["b", "c"]), ("b", ["c"], ["c"]),
        ("a", ["b", "d"], ["d"]),
      ]
    ) { $0.rebalancing.delay = .seconds(3600) }
    _ = cluster.trace.operate(.drain(try node("d")), at: at(cluster.now))
    try cluster.kill("a")
    #expect(try cluster.assignment(0).primary == node("c"))
    #expect(try cluster.assignment(1).primary == node("b"))
    // d is drained, but the only one that is in-sync.
    #expect(try cluster.assignment(3).primary == node("d"))
    #expect(try cluster.assignment(0).replicas == nodes("b", "a"))
    #expect(try cluster.assignment(0).inSync == nodes("b"))
    #expect(try cluster.assignment(3).replicas == nodes("b", "a"))
    #expect(try cluster.assignment(3).inSync == [])
    #expect(try cluster.assignment(0).epoch == Epoch(4))
    #expect(try cluster.assignment(2).epoch == Epoch(3))
    #expect(cluster.plan.number == 6)
    #expect(
      cluster.plan.reason
        == "node a is down: c takes over shard cart/0; node a is down: b takes over "
        + "shard cart/1; node a is down: d takes over shard cart/3.")
  }

  @Test("Without an in-sync copy the shard stays, and that is told once, with what to do")
  func nobodyIsThere() throws {
    var cluster = try RunningCluster(
      ["a", "b"], shards: [("a", ["b"], []), ("a", [], []), ("b", [], [])])
    try cluster.kill("a")
    try cluster.pass(5)
    #expect(cluster.plan.number == 5)
    let told = cluster.trace.reports.filter { $0.contains("unavailable") }
    #expect(told.count == 1)
    #expect(
      told.first?.contains("2 shards, such as cart/0, are unavailable: node a is down") == true)
    #expect(told.first?.contains("cs-admin shards accept-loss cart/0") == true)
    cluster.silent = []
    try cluster.pass(1)
    try cluster.kill("a")
    #expect(cluster.trace.reports.filter { $0.contains("unavailable") }.count == 2)
  }

  @Test("The in-sync set of a dead primary is kept, so that who was in it may take over later")
  func bothDie() throws {
    var cluster = try RunningCluster(["a", "b", "c"], shards: [("a", ["b"], ["b"])])
    try cluster.kill("a", "b")
    #expect(cluster.plan.number == 5)
    cluster.silent = ["a"]
    try cluster.pass(1)
    #expect(try cluster.assignment(0).primary == node("b"))
    #expect(try cluster.assignment(0).replicas == nodes("a"))
  }

  @Test(
    "A primary that cannot use its copy is followed by a replica; a replica that cannot is left out"
  )
  func unusableCopies() throws {
    var cluster = try RunningCluster(
      ["a", "b", "c"], copies: 3, shards: [("a", ["b", "c"], ["b", "c"])])
    try cluster.report("b", 0) { $0.unusable = "a flipped bit" }
    #expect(try cluster.assignment(0).inSync == nodes("c"))
    #expect(try cluster.assignment(0).epoch == Epoch(4))
    try cluster.report("a", 0) { $0.unusable = "another bit" }
    #expect(try cluster.assignment(0).primary == node("c"))
    #expect(try cluster.assignment(0).inSync == [])
    // The copy of b was made anew: c says so, and b has not complained for a while.
    try cluster.report("c", 0) { $0.caughtUp = [try! node("b")] }
    #expect(try cluster.assignment(0).inSync == [])
    try cluster.pass(4)
    #expect(try cluster.assignment(0).inSync == nodes("b"))
  }

  @Test("Reports of others, of other processes and of other epochs count for nothing")
  func strangers() throws {
    var cluster = try RunningCluster(["a", "b"], shards: [("a", ["b"], [])])
    let report = ShardReport(
      shard: try shard(0), epoch: Epoch(3), caughtUp: [try node("b")], seenEpoch: Epoch(9))
    var old = report
    old.epoch = Epoch(2)
    #expect(try !cluster.trace.report("b", [report], at: at(cluster.now)))
    #expect(try !cluster.trace.report("a", [old], at: at(cluster.now)))
    #expect(try cluster.trace.report("a", incarnation: 2, [report], at: at(cluster.now)))
    #expect(try cluster.trace.report("z", [report], at: at(cluster.now)))
    #expect(cluster.plan.number == 5)
    #expect(try !cluster.trace.report("a", [report], at: at(cluster.now)))
    #expect(cluster.plan.number > 5)
  }
}

@Suite struct InSyncTraces {
  @Test("Replicas join and leave the in-sync set by the primary's word, several in one plan")
  func joinAndLeave() throws {
    var cluster = try RunningCluster(
      ["a", "b", "c"], copies: 3, shards: [("a", ["b", "c"], []), ("a", ["b"], ["b"])])
    try cluster.report("a", 0) { $0.caughtUp = Set(try! nodes("b", "c")) }
    #expect(try cluster.assignment(0).inSync == nodes("b", "c"))
    #expect(try cluster.assignment(0).epoch == Epoch(4))
    #expect(cluster.plan.number == 6)
    try cluster.report("a", 0) { $0.lagging = [try! node("b")] }
    #expect(try cluster.assignment(0).inSync == nodes("c"))
    #expect(try cluster.assignment(0).replicas == nodes("b", "c"))
    try cluster.kill("b")
    #expect(try cluster.assignment(1).inSync == [])
    #expect(try cluster.assignment(1).replicas == nodes("b"))
  }

  @Test("A replica that was offered while it was silent becomes in-sync when it registers again")
  func offeredWhileSilent() throws {
    var cluster = try RunningCluster(["a", "b"], shards: [("a", ["b"], [])])
    cluster.silent = ["b"]
    try cluster.pass(4)
    #expect(cluster.trace.liveness("b") == .suspect)
    try cluster.report("a", 0) { $0.caughtUp = [try! node("b")] }
    #expect(try cluster.assignment(0).inSync == [])
    // It says nothing new of the shard, and neither does the primary.
    _ = cluster.trace.register(
      try registration("b", shards: 1, copies: 2), at: at(cluster.now))
    #expect(try cluster.assignment(0).inSync == nodes("b"))
  }

  @Test("What the last process of a primary had offered counts for nothing after its restart")
  func offeredBeforeRestart() throws {
    var cluster = try RunningCluster(["a", "b"], shards: [("a", ["b"], [])])
    cluster.silent = ["b"]
    try cluster.pass(4)
    try cluster.report("a", 0) { $0.caughtUp = [try! node("b")] }
    _ = cluster.trace.register(
      try registration("a", incarnation: 2, endpoint: "inproc://a-1", shards: 1, copies: 2),
      at: at(cluster.now))
    // The new process of a does not wait for b, which is there again.
    _ = cluster.trace.register(
      try registration("b", shards: 1, copies: 2), at: at(cluster.now))
    cluster.trace.tick(at: at(cluster.now))
    #expect(try cluster.assignment(0).inSync == [])
  }

  @Test("A higher epoch that a copy has seen is overtaken, but not one that nobody can have seen")
  func seenEpochs() throws {
    var cluster = try RunningCluster(["a", "b"], shards: [("a", ["b"], ["b"])])
    try cluster.report("a", 0) { $0.seenEpoch = Epoch(3) }
    #expect(try cluster.assignment(0).epoch == Epoch(4))
    try cluster.report("a", 0) { $0.seenEpoch = Epoch(11) }
    #expect(try cluster.assignment(0).epoch == Epoch(12))
    #expect(try cluster.assignment(0).inSync == nodes("b"))
    try cluster.report("a", 0) { $0.seenEpoch = Epoch(.max) }
    #expect(try cluster.assignment(0).epoch == Epoch(12))
  }

  @Test("While the store writes nothing is decided, and everything found meanwhile is one plan")
  func onePlanAtATime() throws {
    var cluster = try RunningCluster(
      ["a", "b", "c"], shards: [("a", ["b"], []), ("b", ["c"], []), ("c", ["a"], [])])
    cluster.trace.isDiskHeld = true
    try cluster.report("a", 0) { $0.caughtUp = [try! node("b")] }
    #expect(cluster.trace.machine.record.plan.number == 6)
    try cluster.report("b", 1) { $0.caughtUp = [try! node("c")] }
    try cluster.report("c", 2) { $0.caughtUp = [try! node("a")] }
    #expect(cluster.plan.number == 5)
    #expect(cluster.trace.machine.record.plan.number == 6)
    cluster.trace.releaseDisk()
    #expect(cluster.plan.number == 7)
    #expect(
      cluster.plan.reason
        == "node c is in-sync for shard cart/1; node a is in-sync for shard cart/2.")
  }
}

@Suite struct MoveTraces {
  @Test("A shard is copied, made in-sync, fenced, promoted and cleared up")
  func wholeMove() throws {
    var cluster = try RunningCluster(["a", "b"], copies: 1, shards: [("a", [], [])])
    cluster.trace.rebalance([try move(0, "a", "b")], at: at(cluster.now))
    #expect(try cluster.phase(0) == .copying)
    #expect(try cluster.assignment(0).replicas == nodes("b"))
    #expect(try cluster.assignment(0).epoch == Epoch(4))
    try cluster.report("a", 0) {
      $0.caughtUp = [try! node("b")]
      $0.copied = [try! node("b"): ShardReport.CopyGrowth(position: Position(7), bytes: 1234)]
    }
    // The plan in which b is in-sync is followed by the one that fences a.
    #expect(try cluster.phase(0) == .fenced)
    #expect(cluster.trace.published.suffix(2).first?.plan.moves.first?.phase == .caughtUp)
    #expect(try cluster.assignment(0).inSync == nodes("b"))
    #expect(try cluster.assignment(0).epoch == Epoch(5))
    cluster.now += 0.02
    try cluster.report("a", 0) { $0.isFenced = true }
    #expect(try cluster.phase(0) == .promoted)
    #expect(try cluster.assignment(0).primary == node("b"))
    #expect(try cluster.assignment(0).replicas == nodes("a"))
    #expect(try cluster.assignment(0).epoch == Epoch(6))
    cluster.now += 0.03
    try cluster.report("b", 0) { _ in }
    #expect(try cluster.phase(0) == nil)
    #expect(try cluster.assignment(0).replicas == [])
    #expect(try cluster.assignment(0).epoch == Epoch(7))
    let step = try #require(cluster.rebalance?.steps.first)
    #expect(cluster.rebalance?.state == .done)
    #expect(step.state == .done && step.bytes == 1234)
    #expect(step.pause == .milliseconds(50))
  }

  @Test("A replica that is in-sync already is not copied, and the source keeps its copy in-sync")
  func exchangeOfRoles() throws {
    var cluster = try RunningCluster(["a", "b"], shards: [("a", ["b"], ["b"])])
    cluster.trace.rebalance([try move(0, "a", "b")], at: at(cluster.now))
    #expect(try cluster.phase(0) == .fenced)
    #expect(try cluster.assignment(0).epoch == Epoch(3))
    try cluster.report("a", 0) { $0.isFenced = true }
    #expect(try cluster.assignment(0).primary == node("b"))
    #expect(try cluster.assignment(0).inSync == nodes("a"))
    try cluster.report("b", 0) { _ in }
    #expect(try cluster.assignment(0).replicas == nodes("a"))
    #expect(try cluster.assignment(0).epoch == Epoch(4))
    #expect(cluster.rebalance?.state == .done)
  }

  @Test("One shard is fenced at a time, and new copies wait, but not for a fence that takes long")
  func precedence() throws {
    var cluster = try RunningCluster(
      ["a", "b", "c", "d"], copies: 2,
      shards: [("a", ["c"], ["c"]), ("b", ["d"], ["d"]), ("c", ["a"], ["a"]), ("d", [], [])])
    cluster.trace.rebalance(
      [
        try move(0, "a", "c"), try move(1, "b", "d"), try move(2, "c", "a"),
        RebalanceStep(shard: try shard(3), action: .add(try node("b"))),
      ], at: at(cluster.now))
    #expect(try cluster.phase(0) == .fenced)
    #expect(try cluster.phase(1) == .caughtUp && cluster.phase(2) == .caughtUp)
    try cluster.report("d", 3) { $0.caughtUp = [try! node("b")] }
    #expect(try cluster.assignment(3).inSync == [])
    cluster.now += 0.1
    try cluster.report("a", 0) { $0.isFenced = true }
    #expect(try cluster.phase(0) == .promoted)
    #expect(try cluster.phase(1) == .caughtUp)
    try cluster.report("c", 0) { _ in }
    // What ends the first move fences the second, and takes up what has waited.
    #expect(try cluster.phase(0) == nil)
    #expect(try cluster.phase(1) == .fenced && cluster.phase(2) == .caughtUp)
    #expect(try cluster.assignment(3).inSync == nodes("b"))
    try cluster.pass(0.5)
    #expect(try cluster.phase(1) == .fenced && cluster.phase(2) == .fenced)
  }

  @Test("A fence that fails is tried again after growing pauses, and then the move is given up")
  func failingFence() throws {
    var cluster = try RunningCluster(["a", "b"], copies: 1, shards: [("a", [], [])]) {
      $0.rebalancing.maximumFenceAttempts = 3
    }
    cluster.trace.rebalance([try move(0, "a", "b")], at: at(cluster.now))
    try cluster.report("a", 0) { $0.caughtUp = [try! node("b")] }
    for pause in [1.0, 2.0] {
      #expect(try cluster.phase(0) == .fenced)
      // At once it may be about the attempt before.
      try cluster.report("a", 0) { $0.fenceFailed = true }
      #expect(try cluster.phase(0) == .fenced)
      try cluster.pass(1)
      #expect(try cluster.phase(0) == .caughtUp)
      try cluster.report("a", 0) { _ in }
      try cluster.pass(pause - 0.5)
      #expect(try cluster.phase(0) == .caughtUp)
      try cluster.pass(0.75)
    }
    // The last attempt ends without a word.
    #expect(try cluster.phase(0) == .fenced)
    try cluster.pass(10)
    #expect(try cluster.phase(0) == nil)
    #expect(try cluster.assignment(0).primary == node("a"))
    #expect(try cluster.assignment(0).replicas == [])
    #expect(cluster.rebalance?.steps.first?.state == .gaveUp)
    #expect(cluster.trace.reports.contains { $0.contains("gave up moving shard cart/0") })
  }

  @Test("A move whose target dies is taken back; one whose source dies ends in a failover")
  func deaths() throws {
    var cluster = try RunningCluster(
      ["a", "b", "c"], copies: 1, shards: [("a", [], []), ("b", [], []), ("b", [], [])]
    ) { $0.rebalancing.maximumMovesPerNode = 2 }
    cluster.trace.rebalance(
      [try move(0, "a", "c"), try move(1, "b", "a"), try move(2, "b", "a")], at: at(cluster.now))
    try cluster.report("b", 1) { $0.caughtUp = [try! node("a")] }
    #expect(try cluster.phase(1) == .fenced)
    try cluster.kill("b", "c")
    #expect(try cluster.phase(0) == nil)
    #expect(try cluster.assignment(0).replicas == [])
    #expect(try cluster.assignment(1).primary == node("a"))
    // Nobody could take over: the copy that was begun stays, it may be the only one.
    #expect(try cluster.assignment(2).primary == node("b"))
    #expect(try cluster.assignment(2).replicas == nodes("a"))
    #expect(cluster.plan.moves.isEmpty)
    #expect(cluster.rebalance?.steps.map(\.state) == [.dropped, .done, .dropped])
    #expect(cluster.rebalance?.state == .done)
  }

  @Test("A replica is added before another is removed, and nothing is removed if that fails")
  func replicas() throws {
    func steps(_ index: UInt32) throws -> [RebalanceStep] {
      [
        RebalanceStep(shard: try shard(index), action: .add(try node("c"))),
        RebalanceStep(shard: try shard(index), action: .remove(try node("b"))),
      ]
    }
    var cluster = try RunningCluster(
      ["a", "b", "c"], shards: [("a", ["b"], ["b"]), ("a", ["b"], ["b"])])
    cluster.trace.rebalance(try steps(0) + steps(1), at: at(cluster.now))
    #expect(try cluster.assignment(0).replicas == nodes("b", "c"))
    try cluster.report("a", 0) { $0.caughtUp = [try! node("c")] }
    #expect(try cluster.assignment(0).replicas == nodes("c"))
    #expect(try cluster.assignment(0).inSync == nodes("c"))
    try cluster.kill("c")
    #expect(try cluster.assignment(1).replicas == nodes("b"))
    #expect(cluster.rebalance?.steps.map(\.state) == [.done, .done, .dropped, .dropped])
  }

  @Test("No more shards are on their way than the bounds allow")
  func bounds() throws {
    var cluster = try RunningCluster(
      ["a", "b", "c", "d"], copies: 1,
      shards: Array(repeating: ("a", [], []), count: 4) + Array(repeating: ("b", [], []), count: 4)
    ) {
      $0.rebalancing.maximumConcurrentMoves = 3
      $0.rebalancing.maximumMovesPerNode = 2
    }
    cluster.trace.rebalance(
      try (0..<4).map { try move($0, "a", $0 < 3 ? "c" : "d") }
        + (4..<8).map { try move($0, "b", "d") }, at: at(cluster.now))
    let moving = cluster.plan.moves.map(\.shard.index)
    #expect(moving == [0, 1, 4])
  }

  @Test("An operator's abort takes back what is not promoted and leaves the rest")
  func abort() throws {
    var cluster = try RunningCluster(
      ["a", "b", "c"], copies: 1, shards: [("a", [], []), ("a", [], []), ("b", [], [])])
    cluster.trace.rebalance(
      [try move(0, "a", "c"), try move(1, "a", "c"), try move(2, "b", "c")], at: at(cluster.now))
    try cluster.report("a", 0) { $0.caughtUp = [try! node("c")] }
    try cluster.report("a", 0) { $0.isFenced = true }
    let answer = cluster.trace.operate(.abort(), at: at(cluster.now))
    #expect(answer == .done("rebalance 1 is aborted; what was moved stays"))
    #expect(try cluster.phase(0) == .promoted)
    #expect(try cluster.assignment(1).replicas == [])
    try cluster.report("c", 0) { _ in }
    #expect(try cluster.assignment(0).replicas == [])
    #expect(cluster.rebalance?.steps.map(\.state) == [.done, .aborted, .aborted])
    #expect(cluster.rebalance?.state == .aborted)
  }
}
