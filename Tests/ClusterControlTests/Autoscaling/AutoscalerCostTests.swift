import CloudstateModel
import ClusterControl
import TestSupport
import Testing

/// Warm-up and moving cost.
@Suite struct AutoscalerCostTests {
  @Test("A scale-up waits until the overload has lasted as long as it takes to help")
  func worth() throws {
    var bench = try AutoscalerBench(members: 1)
    // One node more gets half of 60 MB at 5 MB/s, and takes 4 s to warm up: 10 s.
    bench.moving = MovingEstimate(
      bytesForOneMore: 30_000_000, bytesPerSecond: 5_000_000, warmUp: .seconds(4))
    for _ in 0..<10 {
      let decision = bench.step(functions: [1.5])
      #expect(decision.action == .stay)
      #expect(decision.reason.contains("10.0 s"))
    }
    #expect(bench.step(functions: [1.5]).action == .scaleUp)
  }

  @Test("An overload that passes begins anew when it comes back")
  func passing() throws {
    var bench = try AutoscalerBench(members: 1, settings: .example.with { $0.window = .seconds(6) })
    bench.moving = MovingEstimate(bytesForOneMore: 0, warmUp: .seconds(8))
    var actions: Set<ScaleDecision.Action> = []
    for _ in 0..<5 {
      for _ in 0..<5 { actions.insert(bench.step(functions: [1.5]).action) }
      for _ in 0..<8 { actions.insert(bench.step(functions: [0.1]).action) }
    }
    #expect(actions == [.stay])
  }

  @Test("Without a measured speed the assumed one counts")
  func assumed() throws {
    var bench = try AutoscalerBench(
      members: 1, settings: .example.with { $0.assumedBytesPerSecond = 10_000_000 })
    bench.moving = MovingEstimate(bytesForOneMore: 20_000_000, warmUp: .zero)
    #expect(bench.step(functions: [1.5]).action == .stay)
    #expect(bench.step(functions: [1.5]).action == .stay)
    #expect(bench.step(functions: [1.5]).action == .scaleUp)
  }

  @Test("Nodes that warm up or get shards neither count as capacity nor trigger anything")
  func warming() throws {
    var bench = try AutoscalerBench(members: 3)
    bench.members[2].isWarmingUp = true
    // The cold node is slow and full; the others are fine.
    let calm = bench.step(functions: [0.9, 0.9, 8])
    #expect(calm.action == .stay)
    #expect(calm.summary.settledMembers == 2)
    #expect(calm.summary.functionConcurrency == 0.9)
    // Too much for two, but the third is on its way.
    bench.now += 61
    let helped = bench.step(functions: [1.4, 1.4, 8])
    #expect(helped.action == .stay)
    #expect(helped.reason.contains("not at full speed"))
    // Too much for three as well.
    bench.now += 61
    #expect(bench.step(functions: [1.6, 1.6, 8]).wanted == 4)
  }

  @Test("When settled members change, samples are gathered anew")
  func gathering() throws {
    var bench = try AutoscalerBench(members: 2)
    bench.members[1].isReceivingShards = true
    #expect(bench.step(functions: [0.9]).action == .stay)
    bench.members[1].isReceivingShards = false
    let changed = bench.step(functions: [3, 3])
    #expect(changed.reason.contains("gathering"))
    for _ in 0..<5 { #expect(bench.step(functions: [3, 3]).action == .stay) }
    let decision = bench.step(functions: [3, 3])
    #expect(decision.action == .scaleUp)
    // The sample from before the change is not among them.
    #expect(decision.summary.functionConcurrency == 3)
  }

  @Test(
    "Nothing is given up while shards move, and not before it has been idle as long as that takes")
  func down() throws {
    var bench = try AutoscalerBench(members: 4)
    bench.isRebalancing = true
    #expect(bench.step().action == .stay)
    bench.isRebalancing = false
    // What was measured meanwhile does not count: commands that wait for a moving shard look like no load.
    #expect(bench.step(functions: [0.9, 0.9, 0.9, 0.9]).reason.contains("gathering"))
    for _ in 0..<8 { #expect(bench.step(functions: [0.9, 0.9, 0.9, 0.9]).action == .stay) }
    bench.isRebalancing = true
    #expect(bench.step(functions: [0.9, 0.9, 0.9, 0.9]).action == .stay)
    bench.isRebalancing = false
    for _ in 0..<6 { #expect(bench.step().action == .stay) }
    #expect(bench.step().action == .scaleDown)
    var costly = try AutoscalerBench(members: 2)
    costly.moving = MovingEstimate(
      bytesForOneMore: 10_000_000, bytesPerSecond: 3_000_000, warmUp: .seconds(100))
    // Half of 30 MB at 3 MB/s; warming up is nobody's business here.
    for _ in 0..<5 { #expect(costly.step().action == .stay) }
    #expect(costly.step().action == .scaleDown)
  }

  @Test("What a node more costs is what the planner would move to it")
  func bytesToJoin() throws {
    let problem = try PlacementProblem.of(
      nodes: try plannerNodes(3), shards: (0..<12).map { [$0 % 3, ($0 + 1) % 3] }, factor: 2,
      weights: (0..<12).map { _ in ShardWeight(bytes: 100) })
    #expect(Planner.bytesToJoin(problem) == 600)
    // What is due anyway is not its cost: here it takes what a draining node gives away.
    var draining = problem
    draining.nodes[2].isDraining = true
    #expect(Planner.bytesToJoin(draining) == 0)
  }
}
