import CloudstateModel
import TestSupport
import Testing

/// The trailer that says where a command's events lie.
struct CommitmentHeaderTests {
  @Test("A commitment is written in full and read back")
  func roundTrip() {
    var random = SeededGenerator(seed: testSeed("commitment header"))
    for _ in 0..<500 {
      let eventCount = Int.random(in: 0...3, using: &random)
      let number: UInt64 = eventCount == 0 ? 0 : .random(in: 0...UInt64.max, using: &random)
      let written = Commitment(
        shard: .random(in: 0...UInt32.max, using: &random), position: Position(number),
        epoch: Epoch(number / 3), firstSequence: SequenceNumber(Int64(number / 2)),
        eventCount: eventCount, isDuplicate: Bool.random(using: &random))
      #expect(Commitment(headerValue: written.headerValue) == written)
    }
  }

  @Test("The text is stable: tools read it")
  func text() {
    let commitment = Commitment(
      shard: 3, position: Position(42), epoch: Epoch(2), firstSequence: SequenceNumber(7),
      eventCount: 2, isDuplicate: true)
    #expect(
      commitment.headerValue == "shard=3;position=42;epoch=2;sequence=7;events=2;duplicate")
  }

  @Test("What a later version adds is passed over; what names no shard is nothing")
  func lenient() {
    #expect(Commitment(headerValue: "shard=1;zone=eu;new")?.shard == 1)
    for text in ["", "position=4", "shard=", "shard=x", "shard=-1", "shard=4294967296", ";;="] {
      #expect(Commitment(headerValue: text) == nil, "\(text)")
    }
  }
}
