import CRocksDB

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum RocksDB itself uses, computed piece by
/// piece. Pieces in one order or another give different sums; how the bytes are cut does not matter.
package struct CRC32C: Sendable {
  private var state: UInt32 = 0xffff_ffff

  /// Starts before the first byte.
  package init() {}

  /// The checksum of all bytes so far.
  package var value: UInt32 { ~state }

  /// Adds bytes behind those so far.
  package mutating func update(_ bytes: [UInt8]) { update(bytes.span) }

  /// Adds bytes behind those so far, with the processor's instruction where there is one.
  package mutating func update(_ bytes: Span<UInt8>) {
    if hasInstruction {
      state = bytes.withUnsafeBufferPointer { crocksdb_crc32c(state, $0.baseAddress, $0.count) }
    } else {
      updatePortably(bytes)
    }
  }

  /// The same without the processor's help; the tests hold both against each other.
  package mutating func updatePortably(_ bytes: Span<UInt8>) {
    for index in bytes.indices {
      state = (state >> 8) ^ table[Int(UInt8(truncatingIfNeeded: state) ^ bytes[index])]
    }
  }
}

private let hasInstruction = crocksdb_crc32c_available() != 0

private let table: [UInt32] = (0..<256).map { byte in
  (0..<8).reduce(UInt32(byte)) { remainder, _ in
    (remainder >> 1) ^ (remainder & 1 == 1 ? 0x82f6_3b78 : 0)
  }
}
