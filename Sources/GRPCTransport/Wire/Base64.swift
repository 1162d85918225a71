/// Base64 (RFC 4648 section 4) of `-bin` headers and of the bodies of gRPC-Web's text form.
package enum Base64 {
  private static let padding = UInt8(ascii: "=")

  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  private static let values: [UInt8] = {
    var values = [UInt8](repeating: 0xff, count: 256)
    for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
    return values
  }()

  /// Without padding, as gRPC over HTTP/2 asks for in headers.
  package static func encode(_ bytes: [UInt8]) -> String {
    String(decoding: characters(of: bytes), as: UTF8.self)
  }

  /// With padding: a piece that others may follow.
  static func encodePiece(_ bytes: [UInt8]) -> [UInt8] {
    var text = characters(of: bytes)
    while text.count % 4 != 0 { text.append(padding) }
    return text
  }

  /// With or without padding.
  ///
  /// - Returns: `nil` if the text is not base64.
  package static func decode(_ text: String) -> [UInt8]? {
    var characters = Array(text.utf8)
    while characters.last == padding { characters.removeLast() }
    return characters.contains(padding) ? nil : decodePieces(characters)
  }

  /// Pieces behind each other, each with its own padding; the last may lack it.
  ///
  /// - Returns: `nil` if the text is not base64.
  static func decodePieces(_ text: [UInt8]) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3 + 3)
    // One group of at most four characters.
    var bits: UInt32 = 0
    var count = 0
    var padded = 0
    for character in text {
      if character == padding {
        padded += 1
        guard count >= 2 else { return nil }
        if count + padded == 4 {
          append(bits, of: count, to: &bytes)
          (bits, count, padded) = (0, 0, 0)
        }
        continue
      }
      let value = values[Int(character)]
      guard padded == 0, value != 0xff else { return nil }
      bits = bits << 6 | UInt32(value)
      count += 1
      if count == 4 {
        append(bits, of: count, to: &bytes)
        (bits, count) = (0, 0)
      }
    }
    guard padded == 0, count != 1 else { return nil }
    append(bits, of: count, to: &bytes)
    return bytes
  }

  private static func characters(of bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var bits: UInt32 = 0
    var count = 0
    for byte in bytes {
      bits = bits << 8 | UInt32(byte)
      count += 8
      while count >= 6 {
        count -= 6
        text.append(alphabet[Int(bits >> UInt32(count) & 0x3f)])
      }
    }
    if count > 0 { text.append(alphabet[Int(bits << UInt32(6 - count) & 0x3f)]) }
    return text
  }

  /// The whole bytes in the six bits of each of `count` characters.
  private static func append(_ bits: UInt32, of count: Int, to bytes: inout [UInt8]) {
    var left = 6 * count
    while left >= 8 {
      left -= 8
      bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(left)))
    }
  }
}
