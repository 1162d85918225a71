import NIOCore

/// The request of the replicated model entity in wire format.
enum CounterMessages {
  /// `Request { id actions { update { gcounter { increment: 1 } } } }`, with the least write consistency.
  static func increment(counter: Int) -> ByteBuffer {
    var buffer = ByteBuffer()
    let id = "GCounter-\(counter)"
    buffer.writeInteger(UInt8(1 << 3 | 2))
    buffer.writeInteger(UInt8(id.utf8.count))
    buffer.writeString(id)
    let increment: [UInt8] = [1 << 3, 1]
    buffer.writeBytes([2 << 3 | 2, 6, 1 << 3 | 2, 4, 1 << 3 | 2, 2] + increment)
    return buffer
  }
}
