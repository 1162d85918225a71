import CloudstateModel
import NIOCore
import TestSupport
import Testing

@testable import MessageBus

@Suite("The format between nodes")
struct WireFormatTests {
  private func encode(_ envelopes: [Envelope], target: NodeID? = nil) throws -> ByteBuffer {
    var message = ByteBuffer()
    message.writeHeader(MessageHeader(source: try nodeID("a"), start: 0x0102, target: target))
    envelopes.forEach { message.writeEnvelope($0) }
    return message
  }

  private func samples() throws -> [Envelope] {
    [
      .request(id: 1, subject: try subject("cs.cmd.x"), payload: ByteBuffer(string: "abc")),
      .answer(id: .max, payload: ByteBuffer()),
      .failure(id: 3, BusError(.overloaded, "zu viel: ü")),
      .publication(
        sequence: 9, subject: try subject("é"), payload: ByteBuffer(repeating: 1, count: 70_000)),
    ]
  }

  @Test func theBytesAreFixed() throws {
    let message = try encode(
      [.request(id: 5, subject: try subject("s"), payload: ByteBuffer(string: "p"))],
      target: try nodeID("bc"))
    let expected: [UInt8] = [
      0x43, 0x53, 1, 0, 0, 0, 0, 0, 0, 1, 2, 1, 0x61, 2, 0x62, 0x63,
      1, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 1, 0, 0, 0, 1, 0x73, 0x70,
    ]
    #expect(Array(message.readableBytesView) == expected)
  }

  @Test func whatIsWrittenIsRead() throws {
    let envelopes = try samples()
    let target = try nodeID("b")
    let message = try IncomingMessage(encode(envelopes, target: target))
    #expect(
      message.header == MessageHeader(source: try nodeID("a"), start: 0x0102, target: target))
    #expect(message.envelopes.map { "\($0)" } == envelopes.map { "\($0)" })
  }

  @Test func everyCodeSurvives() throws {
    let codes: [BusError.Code] = [
      .unreachable, .timeout, .noResponder, .overloaded, .rejected, .closed,
    ]
    for code in codes { #expect(BusError.Code(wireCode: code.wireCode) == code) }
    #expect(BusError.Code(wireCode: 200) == .rejected)
  }

  @Test func sizesAreAsAnnounced() throws {
    for envelope in try samples() {
      let size = try encode([envelope]).readableBytes - encode([]).readableBytes
      #expect(size == envelope.byteCount)
    }
  }

  @Test func everyTruncationIsRefused() throws {
    let whole = try encode(
      Array(samples().prefix(3)) + [.answer(id: 4, payload: ByteBuffer(string: "end"))])
    let ends = try (0...4).map { count in
      try encode(
        Array(
          (samples().prefix(3) + [.answer(id: 4, payload: ByteBuffer(string: "end"))]).prefix(count)
        )
      ).readableBytes
    }
    for length in 0..<whole.readableBytes {
      let part = try #require(whole.getSlice(at: 0, length: length))
      if ends.dropFirst().contains(length) {
        #expect(throws: Never.self) { try IncomingMessage(part) }
      } else {
        #expect(throws: MalformedMessage.self, "\(length) bytes") { try IncomingMessage(part) }
      }
    }
  }

  /// Flips bytes of good messages and invents others: decoding answers or refuses, and what it answers
  /// is legal.
  @Test func fuzz() throws {
    var random = SeededGenerator(seed: testSeed("WireFormatTests.fuzz"))
    let good = try encode(Array(samples().prefix(3)), target: try nodeID("b"))
    var refused = 0
    for round in 0..<20_000 {
      var bytes = Array(good.readableBytesView)
      if round % 4 == 0 {
        let length = Int.random(in: 0...60, using: &random)
        bytes = Array(bytes.prefix(Int.random(in: 0...16, using: &random)))
        bytes += (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
      } else {
        for _ in 0..<Int.random(in: 1...3, using: &random) {
          bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(
            in: 0...255, using: &random)
        }
      }
      do {
        let message = try IncomingMessage(ByteBuffer(bytes: bytes))
        for envelope in message.envelopes {
          if case .request(_, let subject, _) = envelope {
            #expect(Subject(subject.text) == subject)
          }
        }
      } catch {
        refused += 1
      }
    }
    #expect(refused > 5000)
  }
}
