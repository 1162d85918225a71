import GRPCTransport
import NIOCore
import TestSupport
import Testing

@testable import GRPCTransport

/// What a gRPC-Web client makes of a response.
struct WebAnswer: Hashable {
  struct Message: Hashable {
    var isCompressed: Bool
    var text: String
  }

  var messages: [Message] = []
  /// The lines of the trailers; `nil` without a frame of trailers.
  var trailers: [String]?

  var texts: [String] { messages.map(\.text) }

  /// - Throws: what is wrong with the body.
  init(_ body: ByteBuffer, isText: Bool) throws {
    var bytes = body
    if isText {
      bytes = ByteBuffer(bytes: try #require(Base64.decodePieces([UInt8](buffer: body))))
    }
    while bytes.readableBytes > 0 {
      try #require(trailers == nil, "something behind the trailers")
      let prefix = bytes.readMultipleIntegers(as: (UInt8, UInt32).self)
      let (flag, length) = try #require(prefix)
      let slice = bytes.readSlice(length: Int(length))
      let payload = try #require(slice)
      if flag & 0x80 == 0 {
        messages.append(Message(isCompressed: flag == 1, text: String(buffer: payload)))
      } else {
        let lines = String(buffer: payload).split(
          separator: "\r\n", omittingEmptySubsequences: false)
        try #require(lines.last == "")
        trailers = lines.dropLast().map(String.init)
      }
    }
  }
}

/// A request body: a frame for each message.
func webFrames(_ messages: String..., flag: UInt8 = 0) -> ByteBuffer {
  var body = ByteBuffer()
  for message in messages {
    body.writeMultipleIntegers(flag, UInt32(message.utf8.count))
    body.writeString(message)
  }
  return body
}

/// The answer to one HTTP/1.1 request after which the server closes.
struct RawHTTPAnswer {
  var status: Int
  var headers: [String: String]
  var body: ByteBuffer

  init(_ received: ByteBuffer) throws {
    let bytes = [UInt8](buffer: received)
    let end = try #require(bytes.firstRange(of: Array("\r\n\r\n".utf8)))
    let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
    status = try #require(lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) })
    headers = [:]
    for line in lines.dropFirst() {
      let colon = try #require(line.firstRange(of: ": "))
      headers[line[..<colon.lowerBound].lowercased()] = String(line[colon.upperBound...])
    }
    var rest = ByteBuffer(bytes: bytes[end.upperBound...])
    guard headers["transfer-encoding"] == "chunked" else {
      body = rest
      #expect(headers["content-length"] == "\(rest.readableBytes)")
      return
    }
    body = ByteBuffer()
    while true {
      let view = rest.readableBytesView
      let line = try #require(view.firstIndex(of: 0x0d)) - view.startIndex
      let digits = rest.readString(length: line)
      let size = try #require(digits.flatMap { Int($0, radix: 16) })
      rest.moveReaderIndex(forwardBy: 2)
      let chunk = rest.readSlice(length: size)
      body.writeImmutableBuffer(try #require(chunk))
      rest.moveReaderIndex(forwardBy: 2)
      if size == 0 { break }
    }
  }
}
