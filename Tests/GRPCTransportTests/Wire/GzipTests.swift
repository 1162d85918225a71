import Gzip
import TestSupport
import Testing

@Suite struct GzipTests {
  @Test func roundTripGivesTheSameBytes() throws {
    var random = SeededGenerator(seed: testSeed("gzip"))
    for size in [0, 1, 2, 1000, 16_384, 100_000, 1_000_000] {
      let noise = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
      let text = (0..<size).map { UInt8($0 % 17) }
      for bytes in [noise, text] {
        let packed = try Gzip.compress(bytes)
        #expect(try Gzip.decompress(packed, maximumBytes: size) == bytes)
      }
    }
  }

  @Test func aBombIsStoppedAtTheLimit() throws {
    let bomb = try Gzip.compress([UInt8](repeating: 0, count: 50_000_000))
    #expect(bomb.count < 100_000)
    #expect(throws: GzipError.tooLarge(maximumBytes: 1_000_000)) {
      try Gzip.decompress(bomb, maximumBytes: 1_000_000)
    }
  }

  @Test func aStreamCanBeReadPieceByPieceAndAsAWhole() throws {
    var random = SeededGenerator(seed: testSeed("gzip stream"))
    let pieces = [0, 1, 100, 5000, 200_000].map { size in
      (0..<size).map { _ in UInt8.random(in: 0...40, using: &random) }
    }
    let stream = try GzipStream()
    var packed: [UInt8] = []
    for piece in pieces {
      let part = stream.append(piece)
      // The marker of a flush: an empty stored block.
      #expect(part.suffix(4) == [0, 0, 0xff, 0xff])
      packed += part
      #expect(throws: GzipError.corrupt) { try Gzip.decompress(packed, maximumBytes: 300_000) }
    }
    packed += stream.finish()
    #expect(try Gzip.decompress(packed, maximumBytes: 300_000) == pieces.flatMap { $0 })
  }

  @Test func damagedInputIsRefused() throws {
    let packed = try Gzip.compress(Array("some text, some text, some text".utf8))
    #expect(throws: GzipError.corrupt) { try Gzip.decompress([], maximumBytes: 10) }
    #expect(throws: GzipError.corrupt) { try Gzip.decompress([1, 2, 3], maximumBytes: 10) }
    for length in 0..<packed.count {
      #expect(throws: GzipError.corrupt) {
        try Gzip.decompress(packed.prefix(length), maximumBytes: 1000)
      }
    }
    #expect(throws: GzipError.corrupt) {
      try Gzip.decompress(packed + [0], maximumBytes: 1000)
    }
    var flipped = packed
    flipped[flipped.count - 6] ^= 1  // within the checksum
    #expect(throws: GzipError.corrupt) { try Gzip.decompress(flipped, maximumBytes: 1000) }
  }
}
