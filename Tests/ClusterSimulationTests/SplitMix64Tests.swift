import ClusterSimulation
import Testing

@Suite("The source of chance")
struct SplitMix64Tests {
  @Test("Draws the numbers of the published algorithm")
  func vectors() {
    var random = SplitMix64(seed: 1_234_567)
    let expected: [UInt64] = [
      6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
      4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
    ]
    #expect(expected.map { _ in random.next() } == expected)
  }

  @Test("Stays within its bounds")
  func bounds() {
    var random = SplitMix64(seed: 7)
    for _ in 0..<1000 {
      #expect((3...5).contains(random.int(3...5)))
      #expect((10...20).contains(random.span(10...20)))
      #expect(random.below(3) < 3)
    }
    #expect(random.below(0) == 0)
    let (never, always) = (random.chance(ppm: 0), random.chance(ppm: 1_000_000))
    #expect(!never && always)
    let none = random.pick([Int]())
    #expect(none == nil)
  }
}
