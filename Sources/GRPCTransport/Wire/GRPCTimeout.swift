package import NIOCore

/// The `grpc-timeout` header (gRPC over HTTP/2, "Timeout"): one to eight digits and a unit.
package enum GRPCTimeout {
  /// Timeouts beyond this (ten years) are taken as this, so that deadlines cannot overflow.
  package static let longest = TimeAmount.hours(24 * 3650)

  /// Reads a header value; `nil` if it is malformed.
  package static func parse(_ text: String) -> TimeAmount? {
    var digits = 0
    var value: Int64 = 0
    var unit: Int64?
    for byte in text.utf8 {
      guard unit == nil else { return nil }
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        digits += 1
        guard digits <= 8 else { return nil }
        value = value * 10 + Int64(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "H"): unit = 3_600_000_000_000
      case UInt8(ascii: "M"): unit = 60_000_000_000
      case UInt8(ascii: "S"): unit = 1_000_000_000
      case UInt8(ascii: "m"): unit = 1_000_000
      case UInt8(ascii: "u"): unit = 1_000
      case UInt8(ascii: "n"): unit = 1
      default: return nil
      }
    }
    guard digits > 0, let unit else { return nil }
    let (nanoseconds, overflow) = value.multipliedReportingOverflow(by: unit)
    return overflow ? longest : min(.nanoseconds(nanoseconds), longest)
  }

  /// Writes a header value in the finest unit that fits eight digits, rounded up: the peer never
  /// gives up before we do. Zero and less become the shortest timeout there is.
  package static func format(_ timeout: TimeAmount) -> String {
    let nanoseconds = max(1, min(timeout, longest).nanoseconds)
    for (unit, letter): (Int64, String) in [
      (1, "n"), (1_000, "u"), (1_000_000, "m"), (1_000_000_000, "S"), (60_000_000_000, "M"),
    ] {
      let value = (nanoseconds + unit - 1) / unit
      if value <= 99_999_999 { return "\(value)\(letter)" }
    }
    return "\(nanoseconds / 3_600_000_000_000 + 1)H"
  }
}
