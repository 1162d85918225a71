import ClusterSimulation
import Testing

@Suite("Simulated clusters")
struct SimulationTests {
  /// So many seeds of each profile run with the tests; cs-sim runs as many as one likes.
  static let seeds: ClosedRange<UInt64> = 1...25

  @Test("Keep every promise", arguments: Profile.allCases)
  func promises(profile: Profile) {
    for seed in Self.seeds {
      let result = Simulation(seed: seed, profile: profile, seconds: 6).run()
      #expect(
        result.violations.isEmpty,
        "cs-sim --seed \(seed) --profile \(profile.rawValue) --seconds 6: \(result.violations)")
      #expect(result.acknowledged > 20, "seed \(seed) of \(profile) shows next to nothing")
    }
  }

  @Test("Take the same course from the same seed")
  func deterministic() {
    for seed in UInt64(1)...3 {
      var traces: [[Trace.Step]] = []
      var results: [Simulation.Result] = []
      for _ in 1...2 {
        let trace = Trace(kept: 1_000_000)
        results.append(Simulation(seed: seed, seconds: 5).run(trace: trace))
        traces.append(trace.steps)
      }
      #expect(results[0] == results[1])
      #expect(traces[0] == traces[1])
      #expect(traces[0].count > 1000)
    }
  }

  @Test("Find each planted bug", arguments: Plant.allCases)
  func planted(plant: Plant) {
    let limit: UInt64 = 200
    let isFound = (1...limit).contains { seed in
      !Simulation(seed: seed, plant: plant).run().violations.isEmpty
    }
    #expect(isFound, "\(plant.rawValue) is not found in \(limit) seeds")
  }
}
