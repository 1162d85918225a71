import NIOCore
import NIOHPACK

/// Frames of HTTP/2 (RFC 9113, 6), for what libraries never send.
enum RawFrames {
  static let preface = ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

  static func frame(
    _ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: ByteBuffer = ByteBuffer()
  ) -> ByteBuffer {
    var frame = ByteBuffer()
    frame.writeInteger(UInt32(payload.readableBytes) << 8 | UInt32(type))
    frame.writeInteger(flags)
    frame.writeInteger(stream)
    frame.writeImmutableBuffer(payload)
    return frame
  }

  /// - Parameter window: what the peer may send on each stream.
  static func settings(window: UInt32? = nil) -> ByteBuffer {
    var payload = ByteBuffer()
    if let window {
      payload.writeInteger(UInt16(4))
      payload.writeInteger(window)
    }
    return frame(4, payload)
  }

  static let settingsAnswer = frame(4, flags: 1)

  static func windowUpdate(_ bytes: UInt32) -> ByteBuffer {
    frame(8, ByteBuffer(integer: bytes))
  }

  static let ping = frame(6, ByteBuffer(repeating: 0x70, count: 8))

  /// A whole call with one empty message.
  static func call(_ path: String, stream: UInt32) throws -> ByteBuffer {
    let headers = try headers(
      [("content-type", "application/grpc"), ("te", "trailers")], "POST", path)
    return frame(1, flags: 4, stream: stream, headers)
      + frame(0, flags: 1, stream: stream, ByteBuffer(bytes: [0, 0, 0, 0, 0]))
  }

  /// A request without a body.
  static func request(_ method: String, _ path: String, stream: UInt32) throws -> ByteBuffer {
    frame(1, flags: 5, stream: stream, try headers([], method, path))
  }

  private static func headers(
    _ more: [(String, String)], _ method: String, _ path: String
  ) throws -> ByteBuffer {
    var headers: HPACKHeaders = [
      ":method": method, ":scheme": "http", ":path": path, ":authority": "test",
    ]
    headers.add(contentsOf: more)
    var encoder = HPACKEncoder(allocator: ByteBufferAllocator())
    var block = ByteBuffer()
    try encoder.encode(headers: headers, to: &block)
    return block
  }
}

func + (left: ByteBuffer, right: ByteBuffer) -> ByteBuffer {
  var joined = left
  joined.writeImmutableBuffer(right)
  return joined
}
