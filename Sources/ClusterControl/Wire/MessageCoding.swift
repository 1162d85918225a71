import CloudstateProtocol
import NIOCore
import SwiftProtobuf

// Reading messages of the bus and of stores with this module's error, and writing stored ones.

extension Message {
  /// Reads a payload of the bus; throws ``ClusterError`` with `.malformedMessage`.
  init(reading payload: ByteBuffer) throws(ClusterError) {
    do {
      try self.init(decoding: payload)
    } catch {
      throw malformed("no \(Self.protoMessageName): \(error)")
    }
  }

  /// Reads a stored message; throws ``ClusterError`` with `.malformedMessage`.
  init(reading bytes: [UInt8]) throws(ClusterError) {
    try self.init(reading: ByteBuffer(bytes: bytes))
  }

  /// The message as it is stored.
  var storedBytes: [UInt8] { Array(encoded.readableBytesView) }
}
