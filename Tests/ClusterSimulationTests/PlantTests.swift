import ClusterSimulation
import Testing

/// A simulation that finds nothing proves nothing: each of these bugs has to be found.
@Suite("Planted bugs")
struct PlantTests {
  private static let limit: UInt64 = 150

  /// Seeds that have shown a bug lately, so that the search begins there; it goes through all the others if it must.
  /// After changes of the simulator that shift them, `Scripts/planted-bugs` finds new ones.
  private static func likelySeed(of plant: Plant) -> UInt64 {
    switch plant {
    case .writeWithoutFence, .confirmAlone: 3
    case .missingEpochCheck: 9
    case .ackBeforeSync, .ignoreGap, .publishBeforePersist: 12
    case .planBackwards, .retryUnknown: 13
    case .promoteLagging: 20
    case .trustOldPlan: 23
    case .skipFence: 26
    case .dropEarly: 54
    default: 1
    }
  }

  @Test("Are found", arguments: Plant.allCases)
  func found(plant: Plant) {
    let first = Self.likelySeed(of: plant)
    let seeds = Array(first...Self.limit) + Array(1..<first)
    let isFound = seeds.contains { seed in
      !Simulation(seed: seed, profile: plant.profile, plant: plant).run().violations.isEmpty
    }
    #expect(isFound, "\(plant.rawValue) is not found in \(Self.limit) seeds of \(plant.profile)")
  }
}
