import TestSupport
import Testing

@testable import ReplicatedData

@Suite("Ranges of numbers are sets of numbers")
struct DotRangesTests {
  private func ranges(_ numbers: Set<UInt64>, _ random: inout SeededGenerator) -> DotRanges {
    var ranges = DotRanges()
    for number in numbers.shuffled(using: &random) { ranges.insert(number) }
    return ranges
  }

  private func numbers(_ random: inout SeededGenerator) -> Set<UInt64> {
    let count = Int.random(in: 0...12, using: &random)
    return Set((0..<count).map { _ in .random(in: 1...20, using: &random) })
  }

  @Test("insertion, union and difference are those of sets, in the one form a set has")
  func model() {
    var random = SeededGenerator(seed: testSeed("dot ranges"))
    for _ in 0..<3000 {
      let (left, right) = (numbers(&random), numbers(&random))
      let (leftRanges, rightRanges) = (ranges(left, &random), ranges(right, &random))
      var union = leftRanges
      union.formUnion(rightRanges)
      #expect(union == ranges(left.union(right), &random))
      #expect(leftRanges.subtracting(rightRanges) == ranges(left.subtracting(right), &random))
      #expect((0...22).allSatisfy { leftRanges.contains($0) == left.contains($0) })
      #expect(leftRanges.highest == left.max() ?? 0)
    }
  }

  @Test("neighbours join")
  func neighbours() {
    var ranges = DotRanges()
    for number: UInt64 in [1, 3, 5, 2] { ranges.insert(number) }
    #expect(ranges.ranges == [1...3, 5...5])
  }
}
