import RocksDB
import TestSupport
import Testing

@Suite("CRC32C")
struct CRC32CTests {
  /// RFC 3720, appendix B.4.
  @Test("known sums")
  func knownSums() {
    let sums: [([UInt8], UInt32)] = [
      ([UInt8](repeating: 0, count: 32), 0x8a91_36aa),
      ([UInt8](repeating: 0xff, count: 32), 0x62a8_ab43),
      (Array(0..<32), 0x46dd_794e),
      (Array((0..<32).reversed()), 0x113f_db5c),
      (Array("123456789".utf8), 0xe306_9283),
    ]
    for (bytes, expected) in sums {
      var whole = CRC32C()
      whole.update(bytes)
      #expect(whole.value == expected)
      var portable = CRC32C()
      portable.updatePortably(bytes.span)
      #expect(portable.value == expected)
    }
  }

  @Test("the processor and the table agree, however the bytes are cut")
  func agreement() {
    var random = SeededGenerator(seed: testSeed("crc32c"))
    for _ in 0..<200 {
      let bytes = (0..<Int.random(in: 0...100, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      let cut = Int.random(in: 0...bytes.count, using: &random)
      var pieces = CRC32C()
      pieces.update(Array(bytes[..<cut]))
      pieces.update(Array(bytes[cut...]))
      var portable = CRC32C()
      portable.updatePortably(bytes.span)
      #expect(pieces.value == portable.value)
    }
  }
}
