/// The bytes of a case, taken off the front. Behind the end everything is zero or empty.
struct FuzzInput {
  private let bytes: [UInt8]
  private var offset = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var isEmpty: Bool { offset >= bytes.count }
  var count: Int { bytes.count - offset }

  mutating func byte() -> UInt8 {
    guard offset < bytes.count else { return 0 }
    defer { offset += 1 }
    return bytes[offset]
  }

  /// A number below `bound`, of one byte.
  mutating func number(below bound: Int) -> Int { Int(byte()) % bound }

  /// Two bytes, big-endian.
  mutating func short() -> UInt16 { UInt16(byte()) << 8 | UInt16(byte()) }

  /// Four bytes, big-endian.
  mutating func long() -> UInt32 { UInt32(short()) << 16 | UInt32(short()) }

  mutating func bytes(_ count: Int) -> [UInt8] {
    let end = min(offset + count, bytes.count)
    defer { offset = end }
    return Array(bytes[offset..<end])
  }

  mutating func rest() -> [UInt8] { bytes(count) }

  /// All up to the next zero byte, or up to the end; what is no UTF-8 is replaced.
  mutating func text() -> String {
    let end = bytes[offset...].firstIndex(of: 0) ?? bytes.count
    defer { offset = min(end + 1, bytes.count) }
    return String(decoding: bytes[offset..<end], as: UTF8.self)
  }
}
