/// Why a text is not a duration.
package struct DurationSyntaxError: Error, Hashable, Sendable, CustomStringConvertible {
  package let text: String

  package var description: String {
    "'\(text)' is not a duration; write numbers with units, like 250ms, 10s, 5m or 24h"
  }
}

/// Units from large to small, with their length in nanoseconds.
private let durationUnits: [(suffix: String, nanoseconds: Int64)] = [
  ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000),
  ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1000), ("ns", 1),
]

extension Duration {
  /// Reads `250ms`, `10s`, `5m`, `24h`, `7d`, and sums like `1h30m`. A unit is required, except for
  /// a plain `0`; signs and fractions are refused. The largest value is about 292 years.
  package init(text: String) throws(DurationSyntaxError) {
    guard let nanoseconds = Self.nanoseconds(in: text) else {
      throw DurationSyntaxError(text: text)
    }
    self = .nanoseconds(nanoseconds)
  }

  /// The shortest exact form that ``init(text:)`` reads back, for example `90s` or `24h`, never a sum of
  /// units, and hours instead of days. Parts below a nanosecond are dropped; negative values carry a minus sign.
  package var text: String {
    let (seconds, attoseconds) = components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    if overflow { return "\(seconds)s" }
    let (total, overflowOfSum) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
    if overflowOfSum { return "\(seconds)s" }
    if total == 0 { return "0s" }
    for unit in durationUnits.dropFirst() where total % unit.nanoseconds == 0 {
      return "\(total / unit.nanoseconds)\(unit.suffix)"
    }
    return "\(total)ns"
  }

  /// Fractions of a second included; for timing arithmetic that ends in text or `poll`.
  package var secondsAsDouble: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }

  private static func nanoseconds(in text: String) -> Int64? {
    if text == "0" { return 0 }
    var rest = Substring(text)
    guard !rest.isEmpty else { return nil }
    var total: Int64 = 0
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isASCII && $0.isWholeNumber }
      rest = rest.dropFirst(digits.count)
      let suffix = rest.prefix { $0.isASCII && $0.isLetter }
      rest = rest.dropFirst(suffix.count)
      guard let count = Int64(digits),
        let unit = durationUnits.first(where: { $0.suffix == suffix })
      else { return nil }
      let (part, overflow) = count.multipliedReportingOverflow(by: unit.nanoseconds)
      let (sum, overflowOfSum) = total.addingReportingOverflow(part)
      if overflow || overflowOfSum { return nil }
      total = sum
    }
    return total
  }
}
