package import NIOCore

/// Writes protobuf fields into a buffer (protobuf encoding guide, "Message Structure"), the counterpart
/// of ``ProtobufReader``. The sizes of messages inside messages are known beforehand by ``size(of:)``, so
/// that a message is written in one go into one allocation.
package struct ProtobufWriter {
  /// What has been written.
  package private(set) var buffer: ByteBuffer

  package init(capacity: Int) {
    buffer = ByteBuffer()
    buffer.reserveCapacity(capacity)
  }

  /// The encoded size of a number.
  package static func size(of value: UInt64) -> Int {
    value < 0x80 ? 1 : (70 - value.leadingZeroBitCount) / 7
  }

  /// The encoded size of a field with a length, for field numbers up to 15; nothing for empty content, which
  /// proto3 leaves out.
  package static func size(ofField length: Int) -> Int {
    length == 0 ? 0 : size(ofMessage: length)
  }

  /// As ``size(ofField:)``, for messages, which are there even when they are empty.
  package static func size(ofMessage length: Int) -> Int {
    1 + size(of: UInt64(length)) + length
  }

  /// A number; left out when it is 0.
  package mutating func write(_ value: UInt64, field: UInt8) {
    guard value != 0 else { return }
    buffer.writeInteger(field << 3)
    varint(value)
  }

  /// A string; left out when it is empty.
  package mutating func write(_ text: String, field: UInt8) {
    guard !text.isEmpty else { return }
    beginMessage(length: text.utf8.count, field: field)
    buffer.writeString(text)
  }

  /// Bytes; left out when there are none.
  package mutating func write(_ bytes: [UInt8], field: UInt8) {
    guard !bytes.isEmpty else { return }
    beginMessage(length: bytes.count, field: field)
    buffer.writeBytes(bytes)
  }

  /// The head of a message whose fields are written next and take `length` bytes.
  package mutating func beginMessage(length: Int, field: UInt8) {
    buffer.writeInteger(field << 3 | 2)
    varint(UInt64(length))
  }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      buffer.writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    buffer.writeInteger(UInt8(rest))
  }
}
