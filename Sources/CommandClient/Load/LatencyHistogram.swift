/// Counts latencies in buckets whose width grows with the value, so that any number of them takes the
/// same memory and quantiles are exact to within 1.6 %.
///
/// Values below 64 ns have a bucket each; above, each power of two is divided into 64 buckets.
package struct LatencyHistogram: Hashable, Sendable {
  private static let subBuckets: UInt64 = 64
  private static let bucketCount = Int(subBuckets) * 59

  private var counts = [UInt64](repeating: 0, count: bucketCount)
  package private(set) var count: UInt64 = 0
  /// The largest value recorded, in nanoseconds.
  package private(set) var maximum: UInt64 = 0

  package init() {}

  /// Adds one latency; a negative one counts as zero.
  package mutating func record(nanoseconds: Int64) {
    let value = UInt64(max(nanoseconds, 0))
    counts[Self.bucket(of: value)] += 1
    count += 1
    maximum = max(maximum, value)
  }

  /// Adds all latencies of another histogram.
  package mutating func merge(_ other: LatencyHistogram) {
    for index in counts.indices { counts[index] += other.counts[index] }
    count += other.count
    maximum = max(maximum, other.maximum)
  }

  /// The latency in nanoseconds that the share `quantile` (0 to 1) does not exceed, never too small by
  /// more than the bucket's width; `nil` when nothing was recorded.
  package func latency(atQuantile quantile: Double) -> UInt64? {
    guard count > 0 else { return nil }
    let rank = max(1, UInt64((min(max(quantile, 0), 1) * Double(count)).rounded(.up)))
    var seen: UInt64 = 0
    for (index, number) in counts.enumerated() where number > 0 {
      seen += number
      if seen >= rank { return min(Self.highestValue(in: index), maximum) }
    }
    return maximum
  }

  private static func bucket(of value: UInt64) -> Int {
    guard value >= subBuckets else { return Int(value) }
    let exponent = 63 - value.leadingZeroBitCount - 6
    return (exponent + 1) * Int(subBuckets) + Int((value >> UInt64(exponent)) - subBuckets)
  }

  private static func highestValue(in bucket: Int) -> UInt64 {
    guard bucket >= Int(subBuckets) else { return UInt64(bucket) }
    let exponent = UInt64(bucket / Int(subBuckets) - 1)
    let base = UInt64(bucket % Int(subBuckets)) + subBuckets
    return (base << exponent) + ((1 << exponent) - 1)
  }
}
