import TestSupport
import Testing

@testable import ClusterControl

@Suite struct CoordinatorSimulationTests {
  @Test(
    "Whatever nodes, operators and the disk do, plans stay sound, and all comes to rest after it")
  func faultsAndRest() throws {
    var random = SeededGenerator(seed: testSeed("coordinator simulation"))
    var counts: [String: Int] = [:]
    for run in 0..<40 {
      var simulation = try ClusterSimulation(random: random)
      for _ in 0..<400 { try simulation.stepWithFaults() }
      try simulation.comeToRest()
      #expect(simulation.violations == [], "run \(run)")
      let unrest = try simulation.unrest()
      #expect(unrest == [], "run \(run)")
      guard simulation.violations.isEmpty, unrest.isEmpty else { return }
      counts.merge(simulation.counts, uniquingKeysWith: +)
      random = simulation.random
    }
    for what in ["takeovers", "growths", "rebalances", "restarts"] {
      #expect(counts[what, default: 0] > 40, "\(counts)")
    }
  }
}
