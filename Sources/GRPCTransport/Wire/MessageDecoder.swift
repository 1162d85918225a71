import NIOCore

/// Cuts the bytes of a stream into messages (gRPC over HTTP/2, "Length-Prefixed-Message": one flag
/// byte, four bytes of length in network order, then the message).
///
/// Any division of the same bytes gives the same messages. A message shares memory with the bytes
/// it came in: nothing is copied unless it spans several calls of ``append(_:)``. A keeper of many
/// small messages copies them, or it keeps whole read buffers alive.
struct MessageDecoder {
  /// One message as it was sent.
  struct Message: Hashable {
    /// The flag byte: whether `payload` is compressed by the stream's `grpc-encoding`.
    var isCompressed: Bool
    var payload: ByteBuffer
  }

  /// The flag byte and the length.
  static let prefixBytes = 5

  /// The longest payload let through, in bytes as sent; a longer one fails on its prefix alone.
  let maximumMessageBytes: Int
  private var unread = ByteBuffer()
  /// Whether `unread` was built here and no message taken out of it yet: then it may grow in place.
  private var isOwned = false

  /// Begins at the start of a message.
  init(maximumMessageBytes: Int) { self.maximumMessageBytes = maximumMessageBytes }

  /// Whether bytes of an unfinished message are held: at the end of a stream that is a violation.
  var hasUnread: Bool { unread.readableBytes > 0 }

  /// Bytes held, prefixes included.
  var unreadBytes: Int { unread.readableBytes }

  /// Takes the next bytes of the stream.
  mutating func append(_ bytes: ByteBuffer) {
    if unread.readableBytes == 0 {
      unread = bytes
      isOwned = false
    } else if isOwned {
      unread.writeImmutableBuffer(bytes)
    } else {
      var joined = ByteBuffer()
      joined.reserveCapacity(unread.readableBytes + bytes.readableBytes)
      joined.writeImmutableBuffer(unread)
      joined.writeImmutableBuffer(bytes)
      unread = joined
      isOwned = true
    }
  }

  /// The next complete message, or `nil` when more bytes are needed. After a failure the stream is
  /// beyond repair; further calls fail alike.
  mutating func next() throws(GRPCStatus) -> Message? {
    let start = unread.readerIndex
    guard let flag = unread.getInteger(at: start, as: UInt8.self),
      let announced = unread.getInteger(at: start + 1, as: UInt32.self)
    else { return nil }
    guard flag <= 1 else {
      throw GRPCStatus(.internalError, "a message begins with the invalid flag byte \(flag)")
    }
    guard announced <= maximumMessageBytes else {
      throw Self.tooLarge(Int(announced), limit: maximumMessageBytes)
    }
    let end = Self.prefixBytes + Int(announced)
    guard unread.readableBytes >= end,
      let payload = unread.getSlice(at: start + Self.prefixBytes, length: Int(announced))
    else { return nil }
    unread.moveReaderIndex(forwardBy: end)
    isOwned = false
    return Message(isCompressed: flag == 1, payload: payload)
  }

  /// How a call ends that brought too large a message.
  static func tooLarge(_ bytes: Int, limit: Int) -> GRPCStatus {
    GRPCStatus(
      .resourceExhausted,
      "a message of \(bytes) bytes is larger than the limit of \(limit) bytes")
  }

  /// Lets go of all bytes held.
  mutating func discard() {
    unread = ByteBuffer()
    isOwned = false
  }
}
