import FoundationEssentials
package import NIOCore
package import SwiftProtobuf

/// The readable bytes of a buffer, so that messages decode from it without a copy.
private struct ReadableBytes: SwiftProtobufContiguousBytes {
  var buffer: ByteBuffer

  var count: Int { buffer.readableBytes }

  init(_ buffer: ByteBuffer) { self.buffer = buffer }

  init(repeating value: UInt8, count: Int) {
    buffer = ByteBuffer(repeating: value, count: count)
  }

  init<Bytes: Sequence>(_ sequence: Bytes) where Bytes.Element == UInt8 {
    buffer = ByteBuffer(bytes: sequence)
  }

  func withUnsafeBytes<Result>(
    _ body: (UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    try buffer.withUnsafeReadableBytes(body)
  }

  mutating func withUnsafeMutableBytes<Result>(
    _ body: (UnsafeMutableRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    try buffer.withUnsafeMutableReadableBytes(body)
  }
}

extension Message {
  /// Decodes the readable bytes of a buffer.
  ///
  /// - Throws: `BinaryDecodingError` if they are not such a message.
  package init(decoding buffer: ByteBuffer) throws {
    try self.init(serializedBytes: ReadableBytes(buffer))
  }

  /// The serialized message. Serializing fails only for messages with unset required fields, which
  /// proto3 does not have.
  package var encoded: ByteBuffer {
    (try? serializedBytes() as ReadableBytes)?.buffer ?? ByteBuffer()
  }
}
