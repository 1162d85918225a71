/// A set of numbers of one replica, kept as ranges: replicas know each other's changes in long runs.
///
/// Invariant: the ranges ascend, and between two of them at least one number is missing. So equal sets
/// have equal ranges.
struct DotRanges: Hashable, Sendable {
  private(set) var ranges: [ClosedRange<UInt64>] = []

  init() {}

  init(_ number: UInt64) { ranges = [number...number] }

  var isEmpty: Bool { ranges.isEmpty }
  var highest: UInt64 { ranges.last?.upperBound ?? 0 }

  var count: UInt64 { ranges.reduce(0) { $0 &+ ($1.upperBound - $1.lowerBound) &+ 1 } }

  func contains(_ number: UInt64) -> Bool {
    var low = 0
    var high = ranges.count
    while low < high {
      let middle = (low + high) / 2
      if number > ranges[middle].upperBound {
        low = middle + 1
      } else if number < ranges[middle].lowerBound {
        high = middle
      } else {
        return true
      }
    }
    return false
  }

  mutating func insert(_ number: UInt64) {
    guard let last = ranges.last else { return ranges = [number...number] }
    if number > last.upperBound {
      append(number...number)
    } else if !contains(number) {
      formUnion(DotRanges(number))
    }
  }

  /// Adds a range that starts no lower than any range already here.
  mutating func append(_ range: ClosedRange<UInt64>) {
    guard let last = ranges.last, range.lowerBound <= last.upperBound &+ 1 else {
      return ranges.append(range)
    }
    ranges[ranges.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
  }

  mutating func formUnion(_ other: DotRanges) {
    guard !other.isEmpty, self != other else { return }
    var union = DotRanges()
    union.ranges.reserveCapacity(ranges.count + other.ranges.count)
    var theirs = other.ranges[...]
    for range in ranges {
      while let next = theirs.first, next.lowerBound < range.lowerBound {
        union.append(next)
        theirs.removeFirst()
      }
      union.append(range)
    }
    for range in theirs { union.append(range) }
    self = union
  }

  /// What is here and not there.
  func subtracting(_ other: DotRanges) -> DotRanges {
    var rest = DotRanges()
    var holes = other.ranges[...]
    for range in ranges {
      var start = range.lowerBound
      while let hole = holes.first, hole.lowerBound <= range.upperBound {
        if hole.lowerBound > start { rest.ranges.append(start...hole.lowerBound - 1) }
        start = max(start, hole.upperBound &+ 1)
        // A hole that reaches further may cut the next range too.
        if hole.upperBound > range.upperBound { break }
        holes.removeFirst()
      }
      if start <= range.upperBound { rest.ranges.append(start...range.upperBound) }
    }
    return rest
  }
}
