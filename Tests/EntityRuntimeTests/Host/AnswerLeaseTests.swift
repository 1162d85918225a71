import CloudstateModel
import Testing

@testable import EntityRuntime

/// When answers may be given out, and what becomes of those that may not.
@Suite struct AnswerLeaseTests {
  private let read = CommandAnswer(.reply(nil))
  private let write = CommandAnswer(
    .reply(nil),
    commitment: Commitment(
      shard: 0, position: Position(1), epoch: Epoch(1), firstSequence: SequenceNumber(1),
      eventCount: 1))

  private func texts(_ held: [AnswerLease.Held]) -> [String] {
    held.map { "\($0.ticket.number) \($0.answer.text)" }
  }

  private func holding(_ answers: [CommandAnswer], until end: UInt64 = 10) -> AnswerLease {
    var lease = AnswerLease(end: end)
    for (index, answer) in answers.enumerated() {
      let now = end + 1 + UInt64(index)
      #expect(!lease.admits(answer, now: now))
      lease.hold(answer, for: CommandTicket(UInt64(index)), now: now)
    }
    return lease
  }

  @Test("Answers go out until the end of the lease, errors at any time")
  func admission() {
    let lease = AnswerLease(end: 10)
    #expect(lease.admits(read, now: 10))
    #expect(!lease.admits(read, now: 11))
    #expect(!lease.admits(write, now: 11))
    #expect(!lease.admits(CommandAnswer(.failure("no")), now: 11))
    #expect(lease.admits(.error(CommandError(.timeout, "")), now: 11))
  }

  @Test("Where no lease is needed the clock is not read")
  func noLease() {
    func clock() -> UInt64 {
      Issue.record("the clock was read")
      return 0
    }
    let isAdmitted = AnswerLease(end: .max).admits(read, now: clock())
    #expect(isAdmitted)
  }

  @Test("What was held goes out in order when the lease is extended far enough")
  func prolongation() {
    var lease = holding([write, read, write])
    #expect(texts(lease.extend(to: 15, now: 16)) == [])
    #expect(lease.held.count == 3)
    #expect(texts(lease.extend(to: 16, now: 16)) == ["0 ", "1 ", "2 "])
    #expect(lease.held.isEmpty)
    #expect(lease.end == 16)
  }

  @Test("When the shard is lost, only what left something has an unknown outcome")
  func giveUp() {
    var lease = holding([write, read])
    #expect(
      texts(lease.giveUp(because: "test")) == [
        "0 error: outcome-unknown", "1 error: shard-unavailable",
      ])
    #expect(lease.held.isEmpty)
  }

  @Test("Nobody waits for longer than the limit")
  func expiry() {
    var lease = holding([write, read, read])
    #expect(texts(lease.expire(after: 5, now: 15)) == [])
    #expect(
      texts(lease.expire(after: 5, now: 17)) == ["0 error: outcome-unknown", "1 error: timeout"])
    #expect(lease.held.count == 1)
  }
}
