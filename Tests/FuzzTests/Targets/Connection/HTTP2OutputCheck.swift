/// What holds for the frames that a server sends, whatever it was sent (RFC 9113, 4.1 and 5.1).
enum HTTP2OutputCheck {
  private static let headBytes = 9
  private static let data: UInt8 = 0
  private static let headers: UInt8 = 1
  private static let reset: UInt8 = 3
  private static let endStream: UInt8 = 1

  /// The output may be cut off anywhere, as the connection was.
  static func check(_ output: [UInt8]) throws {
    var ended: Set<UInt32> = []
    var offset = 0
    while output.count - offset >= headBytes {
      let head = output[offset..<offset + headBytes].map(UInt32.init)
      let length = Int(head[0] << 16 | head[1] << 8 | head[2])
      let type = UInt8(head[3])
      let stream = head[5] << 24 | head[6] << 16 | head[7] << 8 | head[8]
      try demand(type <= 9, "a frame of type \(type)")
      if type == data || type == headers {
        try demand(stream & 1 == 1, "an answer on stream \(stream)")
        try demand(!ended.contains(stream), "a frame of type \(type) behind the end of a stream")
        if output[offset + 4] & endStream != 0 { ended.insert(stream) }
      }
      if type == reset { ended.insert(stream) }
      offset += headBytes + length
    }
  }
}
