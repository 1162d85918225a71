import CloudstateModel
import ClusterControl
import TestSupport
import Testing

/// The autoscaler in a closed loop with a cluster that takes time to follow.
@Suite struct AutoscalerStabilityTests {
  @Test("At a constant load there comes a number of nodes with which it stays")
  func constant() throws {
    var random = SeededGenerator(seed: testSeed("constant load"))
    for _ in 0..<25 {
      var cluster = try ClosedLoop(random: &random)
      let load = cluster.load(&random)
      let (_, late) = (cluster.run(load, seconds: 1_500), cluster.run(load, seconds: 600))
      #expect(late.isEmpty, "\(load): \(late.map(\.reason)) \(cluster.settings)")
      let capacity = Double(cluster.nodes) * cluster.settings.targetFunctionConcurrency
      #expect(load <= capacity + 1e-6)
    }
  }

  @Test("A step of the load is followed in its direction only")
  func step() throws {
    var random = SeededGenerator(seed: testSeed("step load"))
    for _ in 0..<25 {
      var cluster = try ClosedLoop(random: &random)
      let (before, after) = (cluster.load(&random), cluster.load(&random))
      _ = cluster.run(before, seconds: 1_500)
      let nodes = cluster.nodes
      let actions = Set(cluster.run(after, seconds: 1_500).map(\.action))
        .subtracting([.requestAgain])
      #expect(actions.count <= 1, "\(before) to \(after) from \(nodes) nodes: \(actions)")
      if after > before { #expect(!actions.contains(.scaleDown)) }
      if after < before { #expect(!actions.contains(.scaleUp)) }
    }
  }
}

/// Nodes that share a load, join late, warm up, get shards, and leave late.
private struct ClosedLoop {
  let settings: AutoscalerSettings
  private var bench: AutoscalerBench
  private var wanted: Int
  private let joinTime: Double
  private let settleTime: Double
  private let leaveTime: Double
  private var due: Double?
  private var settling: [NodeID: Double] = [:]
  private var named: Int

  var nodes: Int { bench.members.count }

  init(random: inout SeededGenerator) throws {
    settings = AutoscalerSettings.example.with {
      $0.targetFunctionConcurrency = [0.5, 1, 3].randomElement(using: &random) ?? 1
      $0.maximumScale = Int.random(in: 0...3, using: &random)
      $0.maximumScaleFactor = [0, 0.5].randomElement(using: &random) ?? 0
      $0.scaleDownMargin = Double.random(in: 0.01...0.4, using: &random)
      // Shorter than in life, so that many steps fit into a run.
      $0.scaleUpStableDeadline = .seconds(60)
      $0.scaleDownStableDeadline = .seconds(20)
      $0.window = .seconds(20)
      $0.maximumMembers = 40
    }
    let start = Int.random(in: 1...8, using: &random)
    bench = try AutoscalerBench(members: start, settings: settings)
    bench.moving = MovingEstimate(
      bytesForOneMore: UInt64.random(in: 0...100_000_000, using: &random),
      bytesPerSecond: 20_000_000, warmUp: .seconds(Int.random(in: 0...20, using: &random)))
    wanted = start
    named = start
    joinTime = Double.random(in: 1...30, using: &random)
    settleTime = Double.random(in: 0...60, using: &random)
    leaveTime = Double.random(in: 1...30, using: &random)
  }

  /// What up to nine nodes can carry.
  func load(_ random: inout SeededGenerator) -> Double {
    Double.random(in: 0...9, using: &random) * settings.targetFunctionConcurrency
  }

  /// Answers the decisions to do something.
  mutating func run(_ load: Double, seconds: Int) -> [ScaleDecision] {
    var decisions: [ScaleDecision] = []
    for second in 0..<seconds {
      follow()
      let settled = bench.members.count(where: \.isSettled)
      let each = load / Double(max(1, settled))
      bench.sample(
        functions: [Double](repeating: each, count: bench.members.count), requests: each / 10,
        requestCount: Int64(each * 100))
      guard second % 2 == 0 else { continue }
      let decision = bench.tick()
      guard let request = decision.request else { continue }
      decisions.append(decision)
      if request != wanted {
        wanted = request
        bench.deployment.scale = request
        due = bench.now + (request > nodes ? joinTime : leaveTime)
      }
    }
    return decisions
  }

  private mutating func follow() {
    if let due, bench.now >= due {
      self.due = nil
      while bench.members.count > wanted { settling[bench.members.removeLast().node] = nil }
      while bench.members.count < wanted {
        guard let node = NodeID("n\(named)") else { return }
        named += 1
        bench.members.append(ScaleMember(node: node, incarnation: 1, isWarmingUp: true))
        settling[node] = bench.now + settleTime
      }
    }
    for place in bench.members.indices {
      guard let time = settling[bench.members[place].node], bench.now >= time else { continue }
      bench.members[place].isWarmingUp = false
      settling[bench.members[place].node] = nil
    }
    bench.isRebalancing = !settling.isEmpty
  }
}
