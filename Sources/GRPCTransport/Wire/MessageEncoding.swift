import Gzip
import NIOCore

/// How message bytes are compressed (gRPC document "Compression"): the values of `grpc-encoding`.
enum MessageEncoding: String, Sendable {
  case identity
  case gzip

  /// The value of `grpc-accept-encoding` both our sides send.
  static let accepted = "identity,gzip"

  /// Messages below this many bytes are sent as they are: gzip's header alone is 18 bytes, and the
  /// compressed flag is per message.
  static let leastBytesToCompress = 256

  /// Whether a `grpc-accept-encoding` value lists gzip.
  static func acceptsGzip(_ header: String?) -> Bool {
    guard let header else { return false }
    return header.split(separator: ",").contains { $0.split(separator: " ").first == "gzip" }
  }

  /// The compressed message, or `nil` when it should go as it is: too small, or not made smaller.
  static func compressed(_ message: ByteBuffer) -> ByteBuffer? {
    guard message.readableBytes >= leastBytesToCompress,
      let bytes = try? Gzip.compress(message.readableBytesView),
      bytes.count < message.readableBytes
    else { return nil }
    return ByteBuffer(bytes: bytes)
  }

  /// Expands a message whose compressed flag was set, under the encoding its sender declared.
  func expand(
    _ payload: ByteBuffer, maximumMessageBytes: Int
  ) throws(GRPCStatus) -> ByteBuffer {
    guard self == .gzip else {
      throw GRPCStatus(
        .internalError, "a message is flagged as compressed but no grpc-encoding was declared")
    }
    do throws(GzipError) {
      return ByteBuffer(
        bytes: try Gzip.decompress(
          payload.readableBytesView, maximumBytes: maximumMessageBytes))
    } catch {
      switch error {
      case .corrupt:
        throw GRPCStatus(.internalError, "a message flagged as compressed is not valid gzip")
      case .outOfMemory:
        throw GRPCStatus(.resourceExhausted, "no memory to expand a compressed message")
      case .tooLarge(let maximum):
        throw GRPCStatus(
          .resourceExhausted,
          "a compressed message of \(payload.readableBytes) bytes expands to more than the limit "
            + "of \(maximum) bytes")
      }
    }
  }
}
