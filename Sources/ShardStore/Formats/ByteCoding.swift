import RocksDB

/// Appending in stored form.
extension [UInt8] {
  /// Four bytes, big-endian.
  package mutating func appendNumber(_ number: UInt32) {
    append(UInt8(truncatingIfNeeded: number >> 24))
    append(UInt8(truncatingIfNeeded: number >> 16))
    append(UInt8(truncatingIfNeeded: number >> 8))
    append(UInt8(truncatingIfNeeded: number))
  }

  /// Eight bytes, big-endian.
  package mutating func appendNumber(_ number: UInt64) {
    appendNumber(UInt32(truncatingIfNeeded: number >> 32))
    appendNumber(UInt32(truncatingIfNeeded: number))
  }

  /// Eight bytes, big-endian, two's complement.
  package mutating func appendNumber(_ number: Int64) {
    appendNumber(UInt64(bitPattern: number))
  }

  /// A signed number whose bytes sort as the number does.
  package mutating func appendSortedNumber(_ number: Int64) {
    appendNumber(UInt64(bitPattern: number) ^ signBit)
  }

  /// A text with its length in front.
  package mutating func appendCounted(_ text: String) {
    appendNumber(UInt32(truncatingIfNeeded: text.utf8.count))
    append(contentsOf: text.utf8)
  }

  /// Bytes with their count in front.
  package mutating func appendCounted(_ bytes: [UInt8]) {
    appendNumber(UInt32(truncatingIfNeeded: bytes.count))
    append(contentsOf: bytes)
  }

  /// A text that sorts by its UTF-8 bytes and ends itself.
  package mutating func appendEscaped(_ text: String) {
    let start = count
    append(contentsOf: text.utf8)
    if self[start...].contains(0) {
      removeLast(count - start)
      for byte in text.utf8 {
        append(byte)
        if byte == 0 { append(escapedZero) }
      }
    }
    append(0)
    append(endOfText)
  }
}

/// A place in stored bytes that moves forward as fields are read. It never reads past the end.
package struct ByteCursor: Sendable {
  package private(set) var offset: Int

  /// Starts at an offset from the first byte.
  package init(at offset: Int = 0) { self.offset = offset }

  /// The next byte.
  package mutating func byte(in bytes: Span<UInt8>) throws(FormatError) -> UInt8 {
    guard offset < bytes.count else { throw .truncated }
    defer { offset += 1 }
    return bytes[offset]
  }

  /// Inverse of `appendNumber`, as are the two that follow.
  package mutating func number(in bytes: Span<UInt8>) throws(FormatError) -> UInt32 {
    guard bytes.count - offset >= 4 else { throw .truncated }
    var number: UInt32 = 0
    for index in offset..<offset + 4 { number = number << 8 | UInt32(bytes[index]) }
    offset += 4
    return number
  }

  package mutating func number(in bytes: Span<UInt8>) throws(FormatError) -> UInt64 {
    let high: UInt32 = try number(in: bytes)
    let low: UInt32 = try number(in: bytes)
    return UInt64(high) << 32 | UInt64(low)
  }

  package mutating func number(in bytes: Span<UInt8>) throws(FormatError) -> Int64 {
    Int64(bitPattern: try number(in: bytes))
  }

  /// Inverse of `appendSortedNumber`.
  package mutating func sortedNumber(in bytes: Span<UInt8>) throws(FormatError) -> Int64 {
    let number: UInt64 = try number(in: bytes)
    return Int64(bitPattern: number ^ signBit)
  }

  /// Inverse of `appendCounted` of a text.
  package mutating func countedText(in bytes: Span<UInt8>) throws(FormatError) -> String {
    try text(countedBytes(in: bytes))
  }

  /// Inverse of `appendCounted` of bytes.
  package mutating func countedBytes(in bytes: Span<UInt8>) throws(FormatError) -> [UInt8] {
    let count: UInt32 = try number(in: bytes)
    guard bytes.count - offset >= Int(count) else { throw .truncated }
    let end = offset + Int(count)
    defer { offset = end }
    return Array(copyingFrom: bytes, offset..<end)
  }

  /// Inverse of `appendEscaped`.
  package mutating func escapedText(in bytes: Span<UInt8>) throws(FormatError) -> String {
    var content: [UInt8] = []
    while true {
      let next = try byte(in: bytes)
      guard next == 0 else {
        content.append(next)
        continue
      }
      switch try byte(in: bytes) {
      case endOfText: return try text(content)
      case escapedZero: content.append(0)
      default: throw .malformed("a wrongly escaped text")
      }
    }
  }

  /// Whether nothing is left.
  package func isAtEnd(of bytes: Span<UInt8>) -> Bool { offset == bytes.count }

  /// Everything up to the end.
  package mutating func remainder(in bytes: Span<UInt8>) -> [UInt8] {
    defer { offset = bytes.count }
    return Array(copyingFrom: bytes, offset..<bytes.count)
  }

  /// Refuses bytes that no field accounts for.
  package func expectEnd(of bytes: Span<UInt8>) throws(FormatError) {
    guard offset == bytes.count else { throw .malformed("bytes behind its end") }
  }

  private func text(_ content: [UInt8]) throws(FormatError) -> String {
    guard let text = String(validating: content, as: UTF8.self) else {
      throw .malformed("a text that is not UTF-8")
    }
    return text
  }
}

extension [UInt8] {
  fileprivate init(copyingFrom bytes: Span<UInt8>, _ range: Range<Int>) {
    self.init(copying: bytes.extracting(range))
  }
}

private let signBit: UInt64 = 1 << 63
private let escapedZero: UInt8 = 0xff
private let endOfText: UInt8 = 0x01
