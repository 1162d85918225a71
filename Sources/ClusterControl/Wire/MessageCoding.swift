import NIOCore
import SwiftProtobuf

// Protobuf messages as bytes for the bus and for stores.

extension Message {
  /// The message as bytes. It cannot fail: our messages have no required fields, and the bounds on
  /// members, shards and texts keep them far below protobuf's 2 GiB.
  func encoded() -> [UInt8] {
    do {
      return try serializedBytes()
    } catch {
      preconditionFailure("\(Self.protoMessageName) cannot be encoded: \(error)")
    }
  }

  /// The message as a payload of the bus.
  func payload() -> ByteBuffer { ByteBuffer(bytes: encoded()) }

  /// Reads a message; throws ``ClusterError`` with `.malformedMessage`.
  init(decoding bytes: [UInt8]) throws(ClusterError) {
    do {
      try self.init(serializedBytes: bytes)
    } catch {
      throw malformed("no \(Self.protoMessageName): \(error)")
    }
  }

  /// Reads a payload of the bus; throws ``ClusterError`` with `.malformedMessage`.
  init(decoding payload: ByteBuffer) throws(ClusterError) {
    try self.init(decoding: Array(payload.readableBytesView))
  }
}
