import ArgumentParser
import ClusterSimulation
import CommandLineKit

extension Profile: ExpressibleByArgument {}
extension Plant: ExpressibleByArgument {}
extension Coordination: ExpressibleByArgument {}

/// `cs-sim`: simulates clusters and checks what they promise.
struct SimulationCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cs-sim",
    abstract: "Simulate clusters from seeds, and check what they promise.",
    discussion: """
      EXAMPLES
        cs-sim --seed 42
        cs-sim --seed 42 --trace
        cs-sim --seed 42 --trace -o jsonl | jq -r 'select(.actor == "faults") | .step'
        cs-sim --seeds 1..10000 --jobs 4
        cs-sim --seeds 1..500 --profile partitions
        cs-sim --seeds 1..500 --coordination elected
        cs-sim --seeds 1..200 --plant skip-fence
        cs-sim --list

      One seed is one life of a whole cluster: nodes, coordinators, stores, clients and faults in one \
      thread and in virtual time, over the same machines that the programs run. About half of the seeds \
      have one coordinator with a disk, the others three that stand for election at an etcd. The same \
      seed takes the same course, every time.

      Checked are: linearizability of each entity, no acknowledged event lost, no event twice, streams \
      without gaps and the same for all readers, one primary confirming under each epoch, plans that go \
      forward only, a record that no replaced coordinator writes, equal copies, and that the cluster is \
      whole again after the last fault.

      A broken promise is shown with its seed and the last steps before it; --trace shows all steps.

      EXIT STATUS
        0 every promise was kept      2 a wrong argument
        1 a promise was broken
      """)

  @Option(help: ArgumentHelp("Run one seed.", valueName: "number"))
  var seed: UInt64?

  @Option(help: ArgumentHelp("Run many seeds, both ends included.", valueName: "first..last"))
  var seeds: SeedRange?

  @Option(
    help: ArgumentHelp(
      "Set of faults: \(Profile.allCases.map(\.rawValue).joined(separator: ", ")); default: everything, or what shows "
        + "the planted bug soonest.",
      valueName: "name"))
  var profile: Profile?

  @Option(
    help: ArgumentHelp(
      "Who coordinates: single, one with a disk, or elected, one of three that share an etcd; by default the seed "
        + "decides.",
      valueName: "name"))
  var coordination: Coordination?

  @Option(
    help: ArgumentHelp("Virtual seconds with faults; by default the seed decides, 8 to 20."))
  var seconds: Int?

  @Option(help: ArgumentHelp("Seeds at the same time; default one for each processor."))
  var jobs: Int?

  @Option(help: ArgumentHelp("Plant a bug, to see it found; --list names them.", valueName: "name"))
  var plant: Plant?

  @Flag(help: "Stop at the first seed that breaks a promise.")
  var failFast = false

  @Flag(help: "Show every step of the seed.")
  var trace = false

  @Option(help: ArgumentHelp("Steps to show before a broken promise.", valueName: "count"))
  var steps = 60

  @Flag(help: "List profiles, properties and bugs that can be planted.")
  var list = false

  @OptionGroup var outputOptions: OutputOptions

  func validate() throws {
    guard !list else { return }
    guard (seed == nil) != (seeds == nil) else {
      throw ValidationError("name the seeds: --seed 42, or --seeds 1..100")
    }
    if trace && seed == nil { throw ValidationError("--trace shows one seed: name it with --seed") }
    guard (1...3600).contains(seconds ?? 1) else {
      throw ValidationError("--seconds must be 1 to 3600")
    }
    guard (1...1024).contains(jobs ?? 1) else { throw ValidationError("--jobs must be 1 to 1024") }
    guard (0...1_000_000).contains(steps) else {
      throw ValidationError("--steps must be 0 to 1000000")
    }
  }

  func run() throws {
    let output = Output(format: try outputOptions.format(), console: outputOptions.console)
    if list { return try output.list() }
    if let seed {
      try runOne(seed, output)
    } else if let seeds {
      try runMany(seeds, output)
    }
  }

  private var faults: Profile { profile ?? plant?.profile ?? .everything }

  private func simulation(_ seed: UInt64) -> Simulation {
    Simulation(
      seed: seed, profile: faults, plant: plant, seconds: seconds, coordination: coordination)
  }

  private func runOne(_ seed: UInt64, _ output: Output) throws {
    // A closed pipe ends the program at its next write to it; the simulation itself is short.
    let trace =
      trace ? Trace { try? output.step($0) } : Trace(kept: steps)
    let result = simulation(seed).run(trace: trace)
    try output.result(result, steps: self.trace ? [] : trace.steps, profile: faults)
    if !result.violations.isEmpty { throw ExitCode(ExitStatus.failure.rawValue) }
    noteUnfound()
  }

  private func noteUnfound() {
    guard let plant else { return }
    outputOptions.console.warning(
      "the planted bug \(plant.rawValue) was not found; try more seeds, or --profile \(plant.profile.rawValue)"
    )
  }

  private func runMany(_ seeds: SeedRange, _ output: Output) throws {
    let campaign = Campaign(
      seeds: seeds.first...seeds.last, jobs: jobs, stopsAtFirst: failFast,
      simulation: simulation, progress: { output.progress($0) })
    let summary = campaign.run()
    for failure in summary.failures {
      // The course is the same again, and this time its steps are kept.
      let trace = Trace(kept: summary.failures.count <= 5 ? steps : 0)
      let result = simulation(failure.seed).run(trace: trace)
      try output.result(result, steps: trace.steps, profile: faults)
    }
    try output.summary(summary)
    if !summary.failures.isEmpty { throw ExitCode(ExitStatus.failure.rawValue) }
    noteUnfound()
  }
}

/// Seeds as `first..last`.
struct SeedRange: ExpressibleByArgument {
  let first: UInt64
  let last: UInt64

  init?(argument: String) {
    let parts = argument.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[1].isEmpty, let first = UInt64(parts[0]),
      let last = UInt64(parts[2]), first <= last
    else { return nil }
    self.first = first
    self.last = last
  }
}
