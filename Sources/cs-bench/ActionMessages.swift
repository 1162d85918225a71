import NIOCore

/// The request of the model action in wire format.
enum ActionMessages {
  /// `Request { groups { steps { reply { message } } } }`: asks for one reply. At most 100 bytes of text.
  static func processUnary(reply: String) -> ByteBuffer {
    let text = UInt8(reply.utf8.count)
    var buffer = ByteBuffer()
    // Each of the three messages around the text adds a tag and a length.
    for depth in (0..<4).reversed() {
      buffer.writeInteger(UInt8(1 << 3 | 2))
      buffer.writeInteger(text + 2 * UInt8(depth))
    }
    buffer.writeString(reply)
    return buffer
  }
}
