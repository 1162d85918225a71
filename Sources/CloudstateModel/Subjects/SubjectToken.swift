/// Turns free text into a subject token and back without loss.
///
/// Bytes that a token may not hold (white space, controls, `.`), the wildcards `*` and `>`, and `%`
/// itself become `%` and two upper-case hexadecimal digits. Empty text becomes `%`, which no other text
/// escapes to.
package enum SubjectToken {
  package static func escape(_ text: String) -> String {
    if text.isEmpty { return "%" }
    if text.utf8.allSatisfy({ !needsEscape($0) }) { return text }
    var escaped: [UInt8] = []
    escaped.reserveCapacity(text.utf8.count + 8)
    for byte in text.utf8 {
      if needsEscape(byte) {
        escaped.append(UInt8(ascii: "%"))
        escaped.append(hexDigits[Int(byte >> 4)])
        escaped.append(hexDigits[Int(byte & 0xf)])
      } else {
        escaped.append(byte)
      }
    }
    return String(decoding: escaped, as: UTF8.self)
  }

  /// The text that was escaped, or `nil` if `token` is not the escape of anything.
  package static func unescape(_ token: some StringProtocol) -> String? {
    if token == "%" { return "" }
    var bytes: [UInt8] = []
    var rest = token.utf8.makeIterator()
    while let byte = rest.next() {
      guard byte == UInt8(ascii: "%") else {
        guard !needsEscape(byte) else { return nil }
        bytes.append(byte)
        continue
      }
      guard let high = rest.next().flatMap(hexValue), let low = rest.next().flatMap(hexValue),
        needsEscape(high << 4 | low)
      else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes.isEmpty ? nil : String(validating: bytes, as: UTF8.self)
  }

  private static let hexDigits = Array("0123456789ABCDEF".utf8)

  private static func needsEscape(_ byte: UInt8) -> Bool {
    switch byte {
    case 0...0x20, 0x7f, UInt8(ascii: "."), UInt8(ascii: "*"), UInt8(ascii: ">"),
      UInt8(ascii: "%"):
      true
    default: false
    }
  }

  private static func hexValue(_ byte: UInt8) -> UInt8? {
    hexDigits.firstIndex(of: byte).map(UInt8.init)
  }
}
