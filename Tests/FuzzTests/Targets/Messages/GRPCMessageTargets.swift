import Gzip
import NIOCore

@testable import GRPCTransport

extension FuzzTarget {
  private static let maximumMessageBytes = 1000

  /// The messages of a gRPC stream: a byte that says how the rest is divided, then the stream.
  static let grpcMessages = FuzzTarget("grpc-messages") { input in
    var input = input
    let division = Int(input.byte())
    let stream = input.rest()
    let whole = try messages(stream, in: stream.count)
    let divided = try messages(stream, in: division)
    try demandEqual(whole, divided, "messages in pieces of \(division)")
    try demandEqual(
      whole.messages, try messages(written(whole.messages), in: division).messages,
      "messages written and read again")
    for message in whole.messages where message.isCompressed { try expand(message.payload) }
    // Most streams hold no valid member of gzip; this one is never less than all of the input.
    try expand(ByteBuffer(bytes: stream))
    try compress(stream)
  }

  private struct Reading: Equatable {
    var messages: [MessageDecoder.Message] = []
    var failure: GRPCStatus?
  }

  private static func messages(_ stream: [UInt8], in pieceBytes: Int) throws -> Reading {
    var decoder = MessageDecoder(maximumMessageBytes: maximumMessageBytes)
    var reading = Reading()
    var rest = stream[...]
    while !rest.isEmpty {
      let piece = rest.prefix(max(1, pieceBytes))
      rest = rest.dropFirst(piece.count)
      decoder.append(ByteBuffer(bytes: piece))
      do throws(GRPCStatus) {
        while let message = try decoder.next() { reading.messages.append(message) }
      } catch {
        reading.failure = error
        return reading
      }
      try demand(
        decoder.unreadBytes <= maximumMessageBytes + MessageDecoder.prefixBytes + piece.count,
        "\(decoder.unreadBytes) bytes are held")
    }
    return reading
  }

  private static func written(_ messages: [MessageDecoder.Message]) -> [UInt8] {
    var batch = MessageBatch()
    var bytes = ByteBuffer()
    for message in messages {
      let (first, second) = batch.append(
        message.payload, isCompressed: message.isCompressed, allocator: ByteBufferAllocator())
      if let first { bytes.writeImmutableBuffer(first) }
      if let second { bytes.writeImmutableBuffer(second) }
    }
    if let last = batch.take() { bytes.writeImmutableBuffer(last) }
    return Array(bytes.readableBytesView)
  }

  private static func expand(_ payload: ByteBuffer) throws {
    do throws(GRPCStatus) {
      let expanded = try MessageEncoding.gzip.expand(
        payload, maximumMessageBytes: maximumMessageBytes)
      guard expanded.readableBytes > maximumMessageBytes else { return }
    } catch {
      return
    }
    throw FuzzViolation(description: "more than \(maximumMessageBytes) bytes were expanded")
  }

  private static func compress(_ bytes: [UInt8]) throws {
    guard let compressed = MessageEncoding.compressed(ByteBuffer(bytes: bytes)) else { return }
    let expanded = try MessageEncoding.gzip.expand(
      compressed, maximumMessageBytes: max(bytes.count, 1))
    try demandEqual(Array(expanded.readableBytesView), bytes, "bytes compressed and expanded")
  }
}
