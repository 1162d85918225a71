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

  /// The token that was probably meant by one that is the escape of nothing: with digits in lower case, with
  /// a byte escaped that need not be, or with a `%` that is not escaped itself.
  ///
  /// - Returns: `nil` where the bytes are no UTF-8.
  package static func respelled(_ token: String) -> String? {
    var bytes: [UInt8] = []
    var rest = Array(token.utf8)[...]
    while let byte = rest.popFirst() {
      let digits = rest.prefix(2)
      guard byte == UInt8(ascii: "%"), digits.count == 2,
        digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }),
        let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
      else {
        bytes.append(byte)
        continue
      }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    return String(validating: bytes, as: UTF8.self).map(escape)
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
