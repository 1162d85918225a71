import ClusterSimulation
import Dispatch
import Foundation
import Synchronization

/// Many seeds, several at a time.
final class Campaign: Sendable {
  struct Summary: Sendable {
    var seeds = 0
    var failures: [Simulation.Result] = []
    var steps = 0
    /// Virtual nanoseconds.
    var time: UInt64 = 0
    var acknowledged = 0
    var wallSeconds = 0.0

    var seedsPerMinute: Double { wallSeconds > 0 ? Double(seeds) * 60 / wallSeconds : 0 }
  }

  private struct State {
    var next: UInt64?
    var summary = Summary()
    var lastProgress = 0.0
  }

  private let seeds: ClosedRange<UInt64>
  private let jobs: Int
  private let stopsAtFirst: Bool
  private let simulation: @Sendable (UInt64) -> Simulation
  private let progress: @Sendable (Summary) -> Void
  private let state: Mutex<State>
  private let start = DispatchTime.now()

  init(
    seeds: ClosedRange<UInt64>, jobs: Int?, stopsAtFirst: Bool,
    simulation: @escaping @Sendable (UInt64) -> Simulation,
    progress: @escaping @Sendable (Summary) -> Void
  ) {
    self.seeds = seeds
    self.jobs = jobs ?? ProcessInfo.processInfo.activeProcessorCount
    self.stopsAtFirst = stopsAtFirst
    self.simulation = simulation
    self.progress = progress
    state = Mutex(State(next: seeds.lowerBound))
  }

  /// Runs all seeds; failures are in the order of seeds.
  func run() -> Summary {
    DispatchQueue.concurrentPerform(iterations: jobs) { _ in
      while let seed = takeSeed() { note(simulation(seed).run()) }
    }
    var summary = state.withLock(\.summary)
    summary.failures.sort { $0.seed < $1.seed }
    summary.wallSeconds = seconds
    return summary
  }

  private var seconds: Double {
    Double(DispatchTime.now().uptimeNanoseconds - start.uptimeNanoseconds) / 1e9
  }

  private func takeSeed() -> UInt64? {
    state.withLock { state in
      guard let seed = state.next else { return nil }
      state.next = seed < seeds.upperBound ? seed + 1 : nil
      return seed
    }
  }

  private func note(_ result: Simulation.Result) {
    let due: Summary? = state.withLock { state in
      state.summary.seeds += 1
      state.summary.steps += result.steps
      state.summary.time += result.time
      state.summary.acknowledged += result.acknowledged
      let failed = !result.violations.isEmpty
      if failed {
        state.summary.failures.append(result)
        if stopsAtFirst { state.next = nil }
      }
      let now = seconds
      guard failed || now - state.lastProgress >= 2 else { return nil }
      state.lastProgress = now
      state.summary.wallSeconds = now
      return state.summary
    }
    if let due { progress(due) }
  }
}
