import NIOCore
import NIOHPACK

/// The parts of gRPC-Web responses.
enum GRPCWebAnswers {
  /// The flag byte of the frame that holds the trailers.
  private static let trailersFlag: UInt8 = 0x80

  /// Writes the last frame of a body: a line for each of the trailers.
  static func write(trailers: HPACKHeaders, to body: inout ByteBuffer) {
    var lines = ByteBuffer()
    for (name, value, _) in trailers { lines.writeString("\(name): \(value)\r\n") }
    body.writeMultipleIntegers(trailersFlag, UInt32(lines.readableBytes))
    body.writeImmutableBuffer(lines)
  }

  /// The whole response to a call that fails before there is anything else to say. Its status is in the headers,
  /// where proxies put it and some clients look for it, and in the body, where the others do.
  static func failure(
    _ status: GRPCStatus, trailers: GRPCMetadata, format: GRPCWebFormat
  ) -> (start: HTTPResponseStart, body: ByteBuffer) {
    let block = HeaderBlocks.trailers(status, metadata: trailers, isOnly: false)
    var start = HTTPResponseStart(status: 200, contentType: format.contentType)
    start.transportHeaders = block
    // Names the encodings to a client whose own is not known here.
    start.transportHeaders.add(name: "grpc-accept-encoding", value: MessageEncoding.accepted)
    var body = ByteBuffer()
    write(trailers: block, to: &body)
    return (start, format.encode(body))
  }
}
