import CloudstateModel
import ClusterControl
import TestSupport
import Testing

@Suite struct AutoscalerTests {
  struct CheckValue: Sendable, CustomStringConvertible {
    var functions: [Double]
    var factor = 0.0
    var wanted: Int
    var description: String { "\(functions) with factor \(factor): \(wanted)" }
  }

  @Test(
    "Check values of proxy-behaviour 15.4",
    arguments: [
      CheckValue(functions: [1.1], wanted: 2), CheckValue(functions: [2.2], wanted: 3),
      CheckValue(functions: [6], wanted: 5), CheckValue(functions: [6], factor: 2, wanted: 3),
      CheckValue(functions: [1, 1, 2.2], wanted: 5), CheckValue(functions: [0.5, 1, 2], wanted: 4),
    ])
  func checkValues(_ value: CheckValue) throws {
    var bench = try AutoscalerBench(
      members: value.functions.count,
      settings: .example.with { $0.maximumScaleFactor = value.factor })
    let decision = bench.step(functions: value.functions, requestCount: 30)
    #expect(decision.action == .scaleUp)
    #expect(decision.wanted == value.wanted)
    #expect(decision.request == value.wanted)
    let deadline = at(bench.now).wall.unixMilliseconds + 180_000
    let expected = AutoscalerState.scalingUp(
      desired: value.wanted, lastStableRatePerNode: 30, deadlineWallMilliseconds: deadline)
    #expect(bench.state == expected)
  }

  @Test(
    "Changes at once and members are bounded",
    arguments: [
      // wanted, members, factor, scale, result
      (9, 2, 0.0, 0, 9), (9, 2, 0.0, 2, 4), (9, 2, 1.0, 0, 4), (9, 2, 0.1, 0, 3), (9, 2, 1.0, 1, 3),
      (1, 8, 0.0, 2, 6), (1, 8, 0.5, 0, 4), (40, 8, 0.0, 0, 10), (0, 3, 0.0, 0, 1),
      (5, 5, 1.0, 2, 5),
    ])
  func caps(_ wanted: Int, _ members: Int, _ factor: Double, _ scale: Int, _ result: Int) {
    let settings = AutoscalerSettings.example.with {
      $0.maximumScaleFactor = factor
      $0.maximumScale = scale
    }
    #expect(settings.capped(wanted, from: members) == result)
  }

  @Test("Requests count without those that wait for the store, in every state")
  func store() throws {
    var bench = try AutoscalerBench(members: 2, settings: .example.with { $0.maximumScale = 0 })
    #expect(bench.step(requests: 30, store: 25).action == .stay)
    bench.now += 61
    #expect(bench.step(requests: 17, store: 5, requestCount: 100).wanted == 3)
    bench.deployment.scale = 3
    // More requests, but all of them in the store: nothing that more nodes could help.
    bench.now += 61
    #expect(bench.step(requests: 90, store: 95, requestCount: 1_000).action == .stay)
    bench.now += 61
    #expect(bench.step(requests: 90, store: 5, requestCount: 1_000).action == .scaleUp)
  }

  @Test("The rate of requests is one per node, and fractions count")
  func rate() throws {
    var bench = try AutoscalerBench(members: 4)
    for _ in 0..<5 { bench.sample(requestCount: 3) }
    let decision = bench.step(requestCount: 0)
    #expect(decision.summary.requestRatePerNode == 2.5)
  }

  @Test("Nothing is decided before all settled members were heard, nor of silence")
  func silence() throws {
    var bench = try AutoscalerBench(members: 2)
    #expect(bench.tick().reason.contains("n0"))
    let extra = ScaleMember(node: try node("n9"), incarnation: 1)
    bench.members.append(extra)
    #expect(bench.tick().action == .stay)
    bench.members.removeLast()
    _ = bench.tick()
    bench.now += 10
    #expect(bench.step(functions: [2, 2]).action == .scaleUp)
    var quiet = try AutoscalerBench(members: 5)
    #expect(quiet.step(functions: [1, 1, 1, 1, 1]).action == .stay)
    quiet.now += 100
    let decision = quiet.tick()
    #expect(decision.action == .stay)
    #expect(decision.reason == "no samples")
  }

  @Test("Impossible samples and those of an earlier process count for nothing")
  func implausible() throws {
    var bench = try AutoscalerBench(members: 1)
    _ = bench.step(functions: [0.5])
    for bad in [Double.nan, .infinity, -1, 1e12] { bench.sample(functions: [bad]) }
    #expect(bench.tick().summary.functionConcurrency == 0.5)
    bench.members[0].incarnation = 2
    #expect(bench.tick().summary.samples == 0)
  }

  @Test("While scaling up only a rate that has grown counts, and only upwards")
  func growing() throws {
    var bench = try AutoscalerBench(members: 2)
    #expect(bench.step(functions: [1.2, 1.2], requestCount: 100).wanted == 3)
    bench.deployment.scale = 3
    // Overloaded even more, but by slower commands: no more requests than before.
    #expect(bench.step(functions: [9, 9], requestCount: 100).action == .stay)
    bench.now += 7
    let more = bench.step(functions: [9, 9], requestCount: 300)
    #expect(more.action == .scaleUp)
    #expect(more.wanted == 6)
    guard case .scalingUp(6, 100, _) = bench.state else {
      Issue.record("\(bench.state)")
      return
    }
    bench.now += 7
    #expect(bench.step(functions: [9, 9], requestCount: 200).action == .stay)
  }

  @Test("A request that is not to be seen is repeated, but not at every tick")
  func repeated() throws {
    var bench = try AutoscalerBench(members: 1)
    #expect(bench.step(functions: [2]).action == .scaleUp)
    #expect(bench.step(functions: [2]).action == .stay)
    bench.now += 20
    let again = bench.step(functions: [2])
    #expect(again.action == .requestAgain)
    #expect(again.request == 2)
    bench.deployment.scale = 2
    bench.now += 25
    #expect(bench.step(functions: [2]).action == .stay)
  }

  @Test("After its deadline a scale-up is over, and only recent samples count")
  func deadline() throws {
    var bench = try AutoscalerBench(
      members: 1, settings: .example.with { $0.window = .seconds(600) })
    #expect(bench.step(functions: [2]).action == .scaleUp)
    bench.deployment.scale = 2
    bench.now += 175
    #expect(bench.step(functions: [0.7]).action == .stay)
    #expect(bench.state != .stable)
    bench.now += 4
    let after = bench.step(functions: [0.7])
    #expect(bench.state == .stable)
    #expect(after.summary.functionConcurrency == 0.7)
  }

  @Test("A calendar that is set back does not prolong a deadline")
  func calendar() throws {
    let state = AutoscalerState.scalingDown(
      desired: 1, deadlineWallMilliseconds: at(90_000).wall.unixMilliseconds)
    var bench = try AutoscalerBench(members: 1, state: state)
    #expect(bench.step(functions: [2]).action == .stay)
    bench.now += 30
    #expect(bench.step(functions: [2]).action == .scaleUp)
  }

  @Test("An upgrade is waited for, and an idle cluster is not scaled down in it")
  func upgrade() throws {
    var bench = try AutoscalerBench(members: 4)
    bench.deployment.isUpgrading = true
    #expect(bench.step(functions: [0.1, 0.1, 0.1, 0.1], requestCount: 5).action == .stay)
    #expect(bench.state == .upgrading(desired: 4, lastStableRatePerNode: 5))
    bench.now += 60
    #expect(bench.step(functions: [0.1, 0.1, 0.1, 0.1]).action == .stay)
    bench.deployment.isUpgrading = false
    let decision = bench.step(functions: [0.1, 0.1, 0.1, 0.1])
    #expect(decision.before != .stable)
    #expect(decision.action == .scaleDown)
    #expect(decision.wanted == 1)
  }

  @Test("Nodes are given up only if the others keep a margin")
  func margin() throws {
    // 2.4 nodes' worth on four nodes: three would be at 0.8, just at the margin; 2.5 would not fit.
    for (load, action) in [(2.4, ScaleDecision.Action.scaleDown), (2.5, .stay)] {
      var bench = try AutoscalerBench(members: 4)
      let decision = bench.step(functions: [Double](repeating: load / 4, count: 4))
      #expect(decision.action == action)
    }
  }

  @Test("What is asked for already is not taken back")
  func pending() throws {
    var bench = try AutoscalerBench(members: 2)
    bench.deployment.scale = 6
    #expect(bench.step(functions: [2, 2]).action == .stay)
    var down = try AutoscalerBench(members: 6)
    down.deployment.scale = 2
    #expect(down.step(functions: []).action == .stay)
  }

  @Test("Settings that cannot work are refused")
  func settings() throws {
    try AutoscalerSettings().validate()
    let bad: [(inout AutoscalerSettings) -> Void] = [
      { $0.targetFunctionConcurrency = 0 }, { $0.targetRequestConcurrency = .nan },
      { $0.rateThresholdFactor = 1 }, { $0.maximumScaleFactor = -1 }, { $0.maximumScale = -1 },
      { $0.minimumMembers = 0 }, { $0.minimumMembers = 101 }, { $0.maximumMembers = 20_000 },
      { $0.scaleDownMargin = 0.6 }, { $0.tickPeriod = .zero }, { $0.rateWindow = .seconds(61) },
      { $0.rateWindow = .milliseconds(10) }, { $0.scaleUpStableDeadline = .seconds(1) },
      { $0.scaleDownStableDeadline = .zero }, { $0.assumedBytesPerSecond = 0 },
      { $0.repeatInterval = .seconds(100_000) }, { $0.window = .seconds(4_000) },
    ]
    for change in bad {
      #expect(throws: ClusterError.self) { try AutoscalerSettings().with(change).validate() }
    }
  }
}
