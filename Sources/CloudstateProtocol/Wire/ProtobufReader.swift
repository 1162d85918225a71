package import NIOCore

/// Reads protobuf fields one after another from a range of a buffer (protobuf encoding guide, "Message
/// Structure"). For the few messages that are on the way of every command; all others go through
/// swift-protobuf. Nothing is allocated but what the caller takes out.
///
/// A malformed field ends the reading and sets ``isMalformed``; the reader never traps.
package struct ProtobufReader {
  /// A field's content by wire type.
  package enum Field {
    case varint(UInt64)
    /// A string, bytes, or a message of its own.
    case bytes(ProtobufReader)
    /// Four or eight bytes, which none of the messages read here uses.
    case fixed
  }

  private let buffer: ByteBuffer
  private var index: Int
  private let end: Int
  /// Whether the bytes are not a sequence of fields.
  package private(set) var isMalformed = false

  /// Reads the readable bytes of a buffer.
  package init(_ buffer: ByteBuffer) {
    self.init(buffer, from: buffer.readerIndex, to: buffer.writerIndex)
  }

  private init(_ buffer: ByteBuffer, from start: Int, to end: Int) {
    self.buffer = buffer
    self.index = start
    self.end = end
  }

  /// The next field, or `nil` at the end and after malformed bytes.
  package mutating func next() -> (number: UInt64, content: Field)? {
    guard index < end, let tag = varint(), tag >> 3 > 0 else { return stop(isAtEnd: index == end) }
    switch tag & 7 {
    case 0:
      guard let value = varint() else { return stop() }
      return (tag >> 3, .varint(value))
    case 1:
      return fixed(tag >> 3, bytes: 8)
    case 2:
      guard let length = varint(), length <= UInt64(end - index) else { return stop() }
      let start = index
      index += Int(length)
      return (tag >> 3, .bytes(ProtobufReader(buffer, from: start, to: index)))
    case 5:
      return fixed(tag >> 3, bytes: 4)
    default:
      return stop()
    }
  }

  /// The unread bytes of this range.
  package var bytes: [UInt8] { buffer.getBytes(at: index, length: end - index) ?? [] }

  /// The unread bytes as text; `nil` if they are not UTF-8.
  package var text: String? {
    buffer.viewBytes(at: index, length: end - index)
      .flatMap { String(validating: $0, as: UTF8.self) }
  }

  private mutating func fixed(
    _ number: UInt64, bytes: Int
  ) -> (number: UInt64, content: Field)? {
    guard end - index >= bytes else { return stop() }
    index += bytes
    return (number, .fixed)
  }

  private mutating func varint() -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while index < end, shift < 64, let byte = buffer.getInteger(at: index, as: UInt8.self) {
      index += 1
      // The tenth byte has room for one bit.
      guard shift < 63 || byte <= 1 else { return nil }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    return nil
  }

  private mutating func stop(isAtEnd: Bool = false) -> (number: UInt64, content: Field)? {
    isMalformed = isMalformed || !isAtEnd
    index = end
    return nil
  }
}
