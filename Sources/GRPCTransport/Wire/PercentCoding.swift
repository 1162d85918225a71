/// The coding of `grpc-message` (gRPC over HTTP/2, "Percent-Encoded"): printable ASCII but `%`
/// stands for itself, every other byte of the UTF-8 text is `%` and two hexadecimal digits.
package enum PercentCoding {
  /// Longest `grpc-message` sent, in bytes after encoding. Peers bound their header lists at 8 to
  /// 16 KiB and would drop the whole answer.
  package static let maximumEncodedBytes = 4096

  /// Encodes `text`, cut at a character when it is too long for a header.
  package static func encode(_ text: String) -> String {
    if text.utf8.count <= maximumEncodedBytes, text.utf8.allSatisfy(isPlain) { return text }
    var encoded: [UInt8] = []
    encoded.reserveCapacity(min(text.utf8.count * 2, maximumEncodedBytes))
    for scalar in text.unicodeScalars {
      let mark = encoded.count
      for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter {
        if isPlain(byte) {
          encoded.append(byte)
        } else {
          encoded.append(UInt8(ascii: "%"))
          encoded.append(hexadecimalDigit(byte >> 4))
          encoded.append(hexadecimalDigit(byte & 15))
        }
      }
      if encoded.count > maximumEncodedBytes {
        encoded.removeSubrange(mark...)
        break
      }
    }
    return String(decoding: encoded, as: UTF8.self)
  }

  /// Decodes a header value. Nothing is an error: what is no valid escape stands for itself, and
  /// bytes that are no UTF-8 become replacement characters, because a mangled message beats a lost
  /// status.
  package static func decode(_ text: String) -> String {
    guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
    let bytes = Array(text.utf8)
    var decoded: [UInt8] = []
    decoded.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
        let high = hexadecimalValue(bytes[index + 1]), let low = hexadecimalValue(bytes[index + 2])
      {
        decoded.append(high << 4 | low)
        index += 3
      } else {
        decoded.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: decoded, as: UTF8.self)
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    (0x20...0x7e).contains(byte) && byte != UInt8(ascii: "%")
  }

  private static func hexadecimalDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "A") + value - 10
  }

  private static func hexadecimalValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
