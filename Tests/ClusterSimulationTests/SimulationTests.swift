import ClusterSimulation
import Launcher
import TestSupport
import Testing

@Suite("Simulated clusters")
struct SimulationTests {
  /// So many seeds of each profile run with the tests; cs-sim runs as many as one likes.
  static let seeds: ClosedRange<UInt64> = 1...40

  @Test("Keep every promise", arguments: Profile.allCases)
  func promises(profile: Profile) {
    for seed in Self.seeds {
      let result = Simulation(seed: seed, profile: profile, seconds: 5).run()
      #expect(
        result.violations.isEmpty,
        "cs-sim --seed \(seed) --profile \(profile.rawValue) --seconds 5: \(result.violations)")
      #expect(result.acknowledged > 20, "seed \(seed) of \(profile) shows next to nothing")
    }
  }

  @Test("Take the same course from the same seed, step by step")
  func sameCourse() {
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

  /// Each process hashes with a seed of its own, so whatever goes by the order of a set shows here.
  @Test("Take the same course in every process")
  func sameInEveryProcess() async throws {
    var lines: Set<String> = []
    for seed in [5, 6] {
      lines = []
      for _ in 1...3 {
        let process = try TestProcess(
          "\(try programFolder())/cs-sim", ["--seed", "\(seed)", "--seconds", "5", "-o", "json"])
        #expect(try await process.waitForExit(within: .seconds(120)) == .code(0))
        lines.insert(process.output(.standardOutput))
      }
      #expect(lines.count == 1, "seed \(seed) takes \(lines.count) courses")
    }
  }
}
