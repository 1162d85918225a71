import CloudstateModel
import TestSupport
import Testing

@testable import ClusterControl

/// The autoscaler inside a coordinator: what it is told, what follows, and what outlives a process.
@Suite struct CoordinatorScalingTests {
  /// - Parameter scaler: of a command, which leaves draining to the coordinator, unless named.
  private func configured(
    _ scaler: AutoscalingConfiguration.Choice = .command(
      CommandScalerConfiguration(command: ["/bin/true"], environment: [:]))
  ) throws -> (inout CoordinatorConfiguration) -> Void {
    var autoscaling = AutoscalingConfiguration(services: [try service()], scaler: scaler)
    autoscaling.settings.window = .seconds(4)
    autoscaling.settings.rateWindow = .seconds(1)
    autoscaling.settings.tickPeriod = .milliseconds(250)
    autoscaling.settings.scaleDownStableDeadline = .seconds(2)
    autoscaling.settings.repeatInterval = .seconds(5)
    autoscaling.warmUp = .zero
    let made = autoscaling
    return { $0.autoscaling = made }
  }

  /// Lets time pass with so many commands at the function of each node.
  private func pass(
    _ seconds: Double, _ cluster: inout RunningCluster, load: Double, scale: Int
  ) throws {
    let end = cluster.now + seconds
    while cluster.now < end {
      cluster.now += 0.25
      for name in cluster.names where !cluster.silent.contains(name) {
        let sample = NodeSample(
          node: try node(name), incarnation: 1, intervalNanoseconds: 250_000_000, requests: .none,
          functions: WorkMeasure(concurrency: load, timeNanoseconds: 0, count: 5), store: .none)
        _ = try cluster.trace.heartbeat(
          name, plan: 5, view: cluster.trace.machine.durable.version, sample: sample,
          at: at(cluster.now))
      }
      cluster.trace.tick(at: at(cluster.now))
      try cluster.trace.autoscale(
        DeploymentScale(name: "cart", ready: scale, scale: scale), at: at(cluster.now))
    }
  }

  @Test("A scale-up is asked for when it is durable, and goes on in the next process")
  func scaleUp() throws {
    var cluster = try RunningCluster(
      ["cart-1"], copies: 1, shards: [("cart-1", [], [])], configure: try configured())
    try cluster.report("cart-1", 0) { _ in }
    cluster.trace.isDiskHeld = true
    try pass(3, &cluster, load: 2.5, scale: 1)
    #expect(cluster.trace.decisions.map(\.action) == [.scaleUp])
    #expect(cluster.trace.decisions.first?.wanted == 3)
    #expect(cluster.trace.scaled == [], "nothing is asked for before it is on the disk")
    cluster.trace.releaseDisk()
    #expect(cluster.trace.scaled == [3])

    let record = try #require(cluster.trace.stored.last)
    let state = try #require(record.autoscalers[try service()]?.state)
    #expect(state.name == "scaling up")
    var configuration = slow()
    try configured()(&configuration)
    let next = CoordinatorMachine(
      configuration: configuration, stored: record, freshIdentity: "other")
    #expect(next.scaling[try service()]?.recorded.autoscaler.state == state)

    let lines = try cluster.trace.recorded.map { record throws(ClusterError) in try record.line }
    let start = AutoscalerRecord.start(
      Autoscaler(
        service: try service(), settings: try #require(configuration.autoscaling).settings))
    let replay = try AutoscalerReplay([try start.line] + lines)
    #expect(replay.differences.isEmpty)
    #expect(replay.decisions.filter { $0.action != .stay } == cluster.trace.decisions)
  }

  @Test("Nodes that are to go are drained first, and given up when they hold nothing")
  func scaleDown() throws {
    var cluster = try RunningCluster(
      ["cart-1", "cart-2", "cart-10"], copies: 1,
      shards: [("cart-1", [], []), ("cart-2", [], []), ("cart-10", [], [])],
      configure: try configured())
    for (index, name) in cluster.names.enumerated() {
      try cluster.report(name, UInt32(index)) { _ in }
    }
    try pass(3, &cluster, load: 0.5, scale: 3)
    #expect(cluster.trace.decisions.first?.action == .scaleDown)
    #expect(cluster.trace.decisions.first?.wanted == 2)
    #expect(cluster.trace.scaled == [], "it still has a shard")
    let leaving = try node("cart-10")
    #expect(cluster.trace.machine.durable.members[leaving]?.isDraining == true)
    #expect(cluster.trace.machine.durable.members[try node("cart-2")]?.isDraining == false)

    try finishMove(of: 2, from: "cart-10", in: &cluster)
    try pass(1, &cluster, load: 0.5, scale: 3)
    #expect(cluster.trace.scaled == [2])
    // It was asked for and has not happened.
    try pass(6, &cluster, load: 0.7, scale: 3)
    #expect(cluster.trace.scaled == [2, 2])
    #expect(cluster.trace.scaleRequests.allSatisfy { $0.leaving == [leaving] })

    cluster.silent.insert("cart-10")
    try pass(7, &cluster, load: 0.7, scale: 2)
    #expect(cluster.trace.machine.durable.autoscalers[try service()]?.leaving == nil)
    #expect(
      cluster.trace.machine.durable.members[leaving]?.isDraining == false,
      "a node of that name may have shards again")
    #expect(cluster.trace.scaled == [2, 2])
  }

  /// Says what nodes say until the shard has moved.
  private func finishMove(
    of index: UInt32, from source: String, in cluster: inout RunningCluster
  ) throws {
    for _ in 0..<60 {
      let assignment = try cluster.assignment(index)
      if assignment.primary.text != source, assignment.replicas.isEmpty,
        cluster.plan.moves.isEmpty
      {
        return
      }
      let phase = try cluster.phase(index)
      try cluster.report(assignment.primary.text, index) { report in
        report.caughtUp = Set(assignment.replicas)
        report.isFenced = phase == .fenced
      }
      try pass(0.25, &cluster, load: 0.5, scale: 3)
    }
    Issue.record("the shard has not moved: \(cluster.plan)")
  }

  @Test("A load that rises again keeps the nodes that were about to go")
  func recall() throws {
    var cluster = try RunningCluster(
      ["cart-1", "cart-2"], copies: 1, shards: [("cart-1", [], []), ("cart-2", [], [])],
      configure: try configured())
    for (index, name) in cluster.names.enumerated() {
      try cluster.report(name, UInt32(index)) { _ in }
    }
    try pass(3, &cluster, load: 0.2, scale: 2)
    let leaving = try node("cart-2")
    #expect(cluster.trace.machine.durable.members[leaving]?.isDraining == true)
    try pass(12, &cluster, load: 3, scale: 2)
    #expect(cluster.trace.decisions.map(\.action).contains(.scaleUp))
    #expect(cluster.trace.machine.durable.members[leaving]?.isDraining == false)
    #expect(cluster.trace.machine.durable.autoscalers[try service()]?.leaving == nil)
    #expect(cluster.trace.scaled == [2], "what is there is enough for now; it is asked for again")
  }

  @Test("A load that asks for some of the nodes that were to go keeps all of them")
  func recallOfSome() throws {
    let names = ["cart-1", "cart-2", "cart-3", "cart-4"]
    var cluster = try RunningCluster(
      names, copies: 1, shards: names.map { ($0, [], []) }, configure: try configured())
    for (index, name) in names.enumerated() { try cluster.report(name, UInt32(index)) { _ in } }
    try pass(3, &cluster, load: 0.2, scale: 4)
    let draining = cluster.trace.machine.durable.members.values.filter(\.isDraining).map(\.node)
    #expect(Set(draining) == Set(try nodes("cart-3", "cart-4")))
    try pass(12, &cluster, load: 1.2, scale: 4)
    let up = try #require(cluster.trace.decisions.first { $0.action == .scaleUp })
    #expect(up.wanted == 3)
    #expect(cluster.trace.scaled.allSatisfy { $0 == 4 }, "three would stop one that is not drained")
    #expect(!cluster.trace.scaled.isEmpty)
    #expect(cluster.trace.machine.durable.members.values.allSatisfy { !$0.isDraining })
  }

  @Test("Nodes that somebody else has asked for are not given up undrained")
  func raisedByHand() throws {
    let configure = try configured()
    var cluster = try RunningCluster(
      ["cart-1", "cart-2"], copies: 1, shards: [("cart-1", [], []), ("cart-1", [], [])]
    ) {
      configure(&$0)
      $0.autoscaling?.settings.scaleDownStableDeadline = .seconds(60)
    }
    for index in 0..<2 { try cluster.report("cart-1", UInt32(index)) { _ in } }
    try pass(3, &cluster, load: 0.2, scale: 2)
    #expect(cluster.trace.scaled == [1], "it holds nothing")
    #expect(cluster.trace.scaleRequests.first?.leaving == [try node("cart-2")])
    cluster.silent = ["cart-2"]
    try pass(6, &cluster, load: 0.7, scale: 1)
    #expect(cluster.trace.machine.durable.autoscalers[try service()]?.leaving == nil)
    cluster.silent = []
    try pass(10, &cluster, load: 0.7, scale: 2)
    #expect(cluster.trace.decisions.map(\.action).contains(.requestAgain))
    #expect(cluster.trace.scaled == [1])
  }

  @Test("As many nodes stay as a shard has copies, whoever drains, and that is said")
  func copies() throws {
    let shards = [
      (primary: "cart-1", replicas: ["cart-2"], inSync: ["cart-2"]),
      (primary: "cart-2", replicas: ["cart-1"], inSync: ["cart-1"]),
    ]
    for choice in [nil, AutoscalingConfiguration.Choice.launcher(socket: "/run/cs-up.sock")] {
      let configure = try choice.map { try configured($0) } ?? configured()
      var two = try RunningCluster(
        ["cart-1", "cart-2"], copies: 2, shards: shards, configure: configure)
      try pass(5, &two, load: 0.1, scale: 2)
      #expect(two.trace.decisions == [])
      #expect(two.trace.scaled == [])
      #expect(two.trace.machine.durable.members.values.allSatisfy { !$0.isDraining })
      let reason = try #require(two.trace.machine.scaling[try service()]?.latest?.reason)
      #expect(reason.contains("2 copies of each shard need 2 nodes"), "\(reason)")

      // A step of two is one of one here.
      var three = try RunningCluster(
        ["cart-1", "cart-2", "cart-3"], copies: 2,
        shards: shards + [("cart-3", ["cart-1"], ["cart-1"])], configure: configure)
      try pass(3, &three, load: 0.1, scale: 3)
      let decision = try #require(three.trace.decisions.first)
      #expect(decision.action == .scaleDown && decision.wanted == 2)
      #expect(
        decision.reason.contains("2 copies of each shard need 2 nodes"), "\(decision.reason)")
    }
  }

  @Test("A rebalance that waits for approval keeps nodes from leaving, and none from counting")
  func proposal() throws {
    let configure = try configured()
    var cluster = try RunningCluster(
      ["cart-1", "cart-2"], copies: 1, shards: [("cart-1", [], []), ("cart-2", [], [])]
    ) {
      configure(&$0)
      $0.rebalancing.requiresApproval = true
    }
    let exchange = [(0, "cart-1", "cart-2"), (1, "cart-2", "cart-1")]
    cluster.trace.rebalance(
      try exchange.map { index, source, target in
        RebalanceStep(
          shard: try shard(UInt32(index)),
          action: .move(from: try node(source), to: try node(target)))
      }, at: at(cluster.now))
    #expect(cluster.rebalance?.state == .proposed)
    var idle = cluster
    try pass(3, &cluster, load: 2.5, scale: 2)
    #expect(cluster.trace.decisions.map(\.action) == [.scaleUp])
    #expect(cluster.trace.scaled == [4])
    // Shards are about to move: who is to leave is decided after that.
    try pass(3, &idle, load: 0.2, scale: 2)
    #expect(idle.trace.decisions == [])
  }

  @Test("Where the scaler drains, the coordinator does not")
  func launcherDrains() throws {
    var cluster = try RunningCluster(
      ["cart-1", "cart-2"], copies: 1, shards: [("cart-1", [], []), ("cart-2", [], [])],
      configure: try configured(.launcher(socket: "/run/cs-up.sock")))
    for (index, name) in cluster.names.enumerated() {
      try cluster.report(name, UInt32(index)) { _ in }
    }
    try pass(2, &cluster, load: 0.2, scale: 2)
    #expect(cluster.trace.scaled == [1])
    #expect(cluster.trace.machine.durable.members.values.allSatisfy { !$0.isDraining })
  }

  @Test("A sample goes with the heartbeat")
  func wire() throws {
    let sample = NodeSample(
      node: try node("a"), incarnation: 7, intervalNanoseconds: 1_000_000_000,
      requests: WorkMeasure(concurrency: 1.5, timeNanoseconds: 3, count: 4),
      functions: WorkMeasure(concurrency: 0.5, timeNanoseconds: 5, count: 6), store: .none)
    let report = HeartbeatReport(
      node: try node("a"), incarnation: 7, planNumber: 1, viewVersion: 2, sample: sample)
    #expect(try HeartbeatReport(report.message) == report)
    var silent = report
    silent.sample = nil
    #expect(try HeartbeatReport(silent.message) == silent)
  }
}
