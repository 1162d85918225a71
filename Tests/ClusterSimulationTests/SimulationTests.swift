import ClusterSimulation
import Foundation
import Launcher
import TestSupport
import Testing

@Suite("Simulated clusters")
struct SimulationTests {
  /// So many seeds of each profile run with the tests, `CS_SIM_SEEDS` for more; cs-sim runs as many as one likes.
  static let seeds: ClosedRange<UInt64> =
    1...(ProcessInfo.processInfo.environment["CS_SIM_SEEDS"].flatMap(UInt64.init) ?? 15)

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

  @Test("Are led by one of several coordinators, or by one alone")
  func elections() {
    var terms = 0
    for seed in UInt64(1)...6 {
      let elected = Simulation(seed: seed, profile: .crashes, seconds: 5, coordination: .elected)
        .run()
      #expect(elected.violations.isEmpty, "cs-sim --seed \(seed): \(elected.violations)")
      #expect(elected.coordination == .elected && elected.terms > 0)
      terms += elected.terms
    }
    #expect(terms > 6, "no leader was ever replaced")
    let single = Simulation(seed: 1, seconds: 1, coordination: .single).run()
    #expect(single.coordination == .single && single.terms == 0)
  }

  @Test("Take the same course from the same seed, step by step", arguments: Coordination.allCases)
  func sameCourse(coordination: Coordination) {
    for seed in UInt64(1)...2 {
      var traces: [[Trace.Step]] = []
      var results: [Simulation.Result] = []
      for _ in 1...2 {
        let trace = Trace(kept: 1_000_000)
        results.append(
          Simulation(seed: seed, seconds: 5, coordination: coordination).run(trace: trace))
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
