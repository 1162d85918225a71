/// The one source of chance of a simulation: SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
/// generators, OOPSLA 2014).
///
/// The state is a counter that grows by an odd constant, and each number is a mix of its bits. Two runs with the
/// same seed draw the same numbers on every machine; Swift's own ways of drawing from a range are not promised to
/// stay the same between versions, so ranges are drawn here.
package struct SplitMix64: Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var bits = state
    bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
    bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
    return bits ^ (bits >> 31)
  }

  /// A generator of its own, so that what one part of a simulation draws does not shift what another draws.
  package mutating func split() -> SplitMix64 { SplitMix64(seed: next()) }

  /// A number below `bound`; 0 for a bound of 0. The bias of the multiplication is below 2⁻³² for the small bounds
  /// used here.
  package mutating func below(_ bound: UInt64) -> UInt64 {
    next().multipliedFullWidth(by: bound).high
  }

  package mutating func int(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(below(UInt64(range.upperBound - range.lowerBound + 1)))
  }

  /// A time span in nanoseconds.
  package mutating func span(_ range: ClosedRange<UInt64>) -> UInt64 {
    range.lowerBound + below(range.upperBound - range.lowerBound + 1)
  }

  /// Whether something happens that happens so many times in a million.
  package mutating func chance(ppm: Int) -> Bool { below(1_000_000) < UInt64(max(0, ppm)) }

  /// One of the elements; `nil` if there are none.
  package mutating func pick<Element>(_ elements: [Element]) -> Element? {
    elements.isEmpty ? nil : elements[Int(below(UInt64(elements.count)))]
  }
}
