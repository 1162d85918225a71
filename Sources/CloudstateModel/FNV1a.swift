/// 64-bit FNV-1a (draft-eastlake-fnv). What was hashed with it is stored and compared between nodes.
package struct FNV1a: Sendable {
  package private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

  package init() {}

  package mutating func mix(_ byte: UInt8) {
    value ^= UInt64(byte)
    value &*= 0x0000_0100_0000_01b3
  }

  /// In UTF-8.
  package mutating func mix(_ text: String) {
    for byte in text.utf8 { mix(byte) }
  }

  package mutating func mix(_ bytes: [UInt8]) {
    for byte in bytes { mix(byte) }
  }

  /// Eight bytes, big-endian.
  package mutating func mix(_ number: UInt64) {
    for shift in stride(from: 56, through: 0, by: -8) {
      mix(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
    }
  }
}
