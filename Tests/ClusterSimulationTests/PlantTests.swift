import ClusterSimulation
import Testing

/// A simulation that finds nothing proves nothing: each of these bugs has to be found.
@Suite("Planted bugs")
struct PlantTests {
  @Test("Are found", arguments: Plant.allCases)
  func found(plant: Plant) {
    let limit: UInt64 = 150
    let isFound = (1...limit).contains { seed in
      !Simulation(seed: seed, profile: plant.profile, plant: plant).run().violations.isEmpty
    }
    #expect(isFound, "\(plant.rawValue) is not found in \(limit) seeds of \(plant.profile)")
  }
}
