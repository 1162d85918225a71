import CloudstateModel
import ShardStore

/// One simulated life of a cluster: nodes, coordinator, clients and faults in one thread, all from one seed.
package struct Simulation: Sendable {
  package var seed: UInt64
  package var profile: Profile
  package var plant: Plant?
  /// How long faults happen, in virtual seconds; `nil` lets the seed decide.
  package var seconds: Int?
  /// `nil` lets the seed decide.
  package var coordination: Coordination?

  /// A bug that only elected coordinators can have decides the coordination, unless it is named.
  package init(
    seed: UInt64, profile: Profile = .everything, plant: Plant? = nil, seconds: Int? = nil,
    coordination: Coordination? = nil
  ) {
    self.coordination = coordination ?? plant?.coordination
    self.seed = seed
    self.profile = profile
    self.plant = plant
    self.seconds = seconds
  }

  /// What came of it.
  package struct Result: Hashable, Sendable {
    package var seed: UInt64
    package var violations: [Violation] = []
    /// Two runs that took the same course agree in it.
    package var digest: UInt64 = 0
    package var steps = 0
    /// Virtual time in nanoseconds.
    package var time: UInt64 = 0
    package var acknowledged = 0
    package var failed = 0
    package var unknown = 0
    /// The number of the last plan.
    package var plans: UInt64 = 0
    package var coordination = Coordination.single
    /// How often a coordinator was elected and took up work; 0 for a single one.
    package var terms = 0
  }

  /// Runs it, on the calling thread.
  package func run(trace: Trace = Trace()) -> Result {
    var result = Result(seed: seed)
    guard
      let settings = SimulationSettings(
        seed: seed, profile: profile, plant: plant, seconds: seconds, coordination: coordination)
    else { return result }
    let cluster = SimCluster(settings, trace: trace)
    let world = cluster.world
    let course = Course(cluster)
    course.run()
    result.violations = world.monitor.violations
    result.digest = world.digest
    result.steps = world.steps
    result.time = world.now
    for operation in cluster.history {
      switch operation.outcome {
      case .ok: result.acknowledged += 1
      case .failed: result.failed += 1
      case .unknown: result.unknown += 1
      }
    }
    result.plans = cluster.plan.number
    result.coordination = settings.coordination
    result.terms = cluster.terms
    cluster.end()
    return result
  }
}
