import NIOCore

/// Collects the outgoing messages of one stream between two flushes, so that many small messages
/// become one DATA frame and one allocation.
///
/// A small message is copied behind its prefix; a large one goes out as it is, after what was
/// collected and its own prefix.
struct MessageBatch {
  /// Up to this many bytes a copy costs less than a frame of its own.
  static let largestCopiedBytes = 4096
  /// A batch of this many bytes is handed on: it fills a DATA frame of the usual maximum size, and
  /// the channel's watermarks need to know of it.
  static let fullBytes = 16 * 1024

  private var collected: ByteBuffer?

  /// Whether nothing is collected.
  var isEmpty: Bool { collected == nil }

  /// Adds one message. Answers what should be written now: first a piece that ends in a whole
  /// message or in the prefix of this one, then this message if it was not copied.
  mutating func append(
    _ message: ByteBuffer, isCompressed: Bool, allocator: ByteBufferAllocator
  ) -> (first: ByteBuffer?, second: ByteBuffer?) {
    let length = message.readableBytes
    let isCopied = length <= Self.largestCopiedBytes
    let added = MessageDecoder.prefixBytes + (isCopied ? length : 0)
    var bytes = collected.take() ?? allocator.buffer(capacity: added)
    bytes.writeMultipleIntegers(UInt8(isCompressed ? 1 : 0), UInt32(length))
    guard isCopied else { return (bytes, message) }
    bytes.writeImmutableBuffer(message)
    if bytes.readableBytes >= Self.fullBytes { return (bytes, nil) }
    collected = bytes
    return (nil, nil)
  }

  /// Takes out what was collected since.
  mutating func take() -> ByteBuffer? { collected.take() }
}
