import ArgumentParser
import ClusterSimulation
import CommandLineKit

/// `cs-sim`: simulates clusters and checks what they promise.
struct SimulationCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cs-sim", abstract: "Simulate clusters from seeds.")

  @Option var seed: UInt64 = 1
  @Option var profile = "everything"
  @Option var plant: String?
  @Option var seconds: Int?
  @Flag var trace = false
  @Option var count: UInt64 = 1

  func run() throws {
    for seed in seed..<seed + count {
      let simulation = Simulation(
        seed: seed, profile: Profile(rawValue: profile) ?? .everything,
        plant: plant.flatMap(Plant.init), seconds: seconds)
      let result = simulation.run(trace: Trace(listener: trace ? { print($0.line) } : nil))
      print(result)
    }
  }
}
