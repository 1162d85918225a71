/// SplitMix64 (Steele, Lea, Flood 2014): equal seeds give equal sequences, so a failed random test can be
/// run again.
package struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

/// The seed of a random test: `CS_TEST_SEED` if set, else a fresh one; printed either way.
package func testSeed(_ name: String) -> UInt64 {
  let seed = environmentSeed() ?? UInt64.random(in: 0...UInt64.max)
  print("seed of \(name): CS_TEST_SEED=\(seed)")
  return seed
}
