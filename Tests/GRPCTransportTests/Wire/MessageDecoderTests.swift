import NIOCore
import TestSupport
import Testing

@testable import GRPCTransport

@Suite struct MessageDecoderTests {
  @Test func anyDivisionGivesTheSameMessages() throws {
    var random = SeededGenerator(seed: testSeed("message decoder"))
    for _ in 0..<300 {
      let messages = (0..<Int.random(in: 0...8, using: &random)).map { _ in
        MessageDecoder.Message(
          isCompressed: Bool.random(using: &random),
          payload: ByteBuffer(
            bytes: (0..<Int.random(in: 0...300, using: &random)).map { _ in
              UInt8.random(in: 0...255, using: &random)
            }))
      }
      let bytes = messages.reduce(into: ByteBuffer()) { bytes, message in
        bytes.writeMultipleIntegers(
          UInt8(message.isCompressed ? 1 : 0), UInt32(message.payload.readableBytes))
        bytes.writeImmutableBuffer(message.payload)
      }
      var decoder = MessageDecoder(maximumMessageBytes: 300)
      var decoded: [MessageDecoder.Message] = []
      var rest = bytes
      while rest.readableBytes > 0 {
        let longest = Bool.random(using: &random) ? 7 : rest.readableBytes
        let count = Int.random(in: 1...min(longest, rest.readableBytes), using: &random)
        let slice = rest.readSlice(length: count)
        decoder.append(try #require(slice))
        // Some drains are left out, so that messages also pile up.
        if Bool.random(using: &random) {
          while let message = try decoder.next() { decoded.append(message) }
        }
      }
      while let message = try decoder.next() { decoded.append(message) }
      #expect(decoded == messages)
      #expect(!decoder.hasUnread)
    }
  }

  @Test func randomBytesNeverTrap() {
    var random = SeededGenerator(seed: testSeed("decoder garbage"))
    for _ in 0..<500 {
      var decoder = MessageDecoder(maximumMessageBytes: 64)
      for _ in 0..<10 {
        decoder.append(
          ByteBuffer(
            bytes: (0..<Int.random(in: 0...20, using: &random)).map { _ in
              Bool.random(using: &random) ? 0 : UInt8.random(in: 0...255, using: &random)
            }))
        do {
          while let message = try decoder.next() { #expect(message.payload.readableBytes <= 64) }
        } catch {
          #expect([.internalError, .resourceExhausted].contains(error.code))
          break
        }
      }
    }
  }

  @Test func tooLongAMessageFailsOnItsPrefixWithBothSizes() {
    var decoder = MessageDecoder(maximumMessageBytes: 1000)
    decoder.append(ByteBuffer(bytes: [0, 0, 0, 3, 233]))
    let failure = failure(of: &decoder)
    #expect(failure?.code == .resourceExhausted)
    #expect(failure?.message.contains("1001") == true)
    #expect(failure?.message.contains("1000") == true)
  }

  @Test func anUnknownFlagIsAnError() {
    var decoder = MessageDecoder(maximumMessageBytes: 1000)
    decoder.append(ByteBuffer(bytes: [2, 0, 0, 0, 0]))
    let failure = failure(of: &decoder)
    #expect(failure?.code == .internalError)
  }

  @Test func anUnfinishedMessageIsSeen() throws {
    var decoder = MessageDecoder(maximumMessageBytes: 1000)
    decoder.append(ByteBuffer(bytes: [0, 0, 0]))
    let message = try decoder.next()
    #expect(message == nil)
    #expect(decoder.hasUnread)
  }

  private func failure(of decoder: inout MessageDecoder) -> GRPCStatus? {
    do throws(GRPCStatus) {
      _ = try decoder.next()
      return nil
    } catch {
      return error
    }
  }

  @Test func aBatchAndItsDecoderAgree() throws {
    var random = SeededGenerator(seed: testSeed("message batch"))
    let sizes =
      [0, 1, 100, 4096, 4097, 20_000]
      + (0..<50).map { _ in
        Int.random(in: 0...9000, using: &random)
      }
    var batch = MessageBatch()
    var decoder = MessageDecoder(maximumMessageBytes: 20_000)
    for size in sizes {
      let (first, second) = batch.append(
        ByteBuffer(repeating: 7, count: size), isCompressed: false,
        allocator: ByteBufferAllocator())
      for piece in [first, second].compactMap(\.self) { decoder.append(piece) }
    }
    if let rest = batch.take() { decoder.append(rest) }
    #expect(batch.isEmpty)
    var decoded: [Int] = []
    while let message = try decoder.next() { decoded.append(message.payload.readableBytes) }
    #expect(decoded == sizes)
  }
}
