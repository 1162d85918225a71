import NIOCore
import TestSupport
import Testing

@testable import GRPCTransport

/// What the limits of a connection decide, without sockets.
@Suite struct LimitDecisionTests {
  private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

  /// The macro cannot call what mutates.
  private func expect(_ holds: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(holds, sourceLocation: sourceLocation)
  }

  @Test("Pings that are too frequent are forgiven ten times in a row")
  func pings() {
    var pings = PingGuard(minimumInterval: .seconds(1))
    expect(pings.received(now: start, hasSent: false))
    let answers = (1...11).map {
      pings.received(now: start + .milliseconds($0 * 10), hasSent: false)
    }
    #expect(answers == Array(repeating: true, count: 10) + [false])
  }

  @Test("Pings at leisure, or after something was sent, are no strikes")
  func permittedPings() {
    var pings = PingGuard(minimumInterval: .seconds(1))
    for number in 0..<100 {
      expect(pings.received(now: start + .seconds(Int64(number)), hasSent: false))
    }
    for number in 0..<1000 {
      // Nine that measure nothing, then one that follows data.
      expect(
        pings.received(
          now: start + .seconds(100) + .microseconds(Int64(number)), hasSent: number % 10 == 0))
    }
    var anything = PingGuard(minimumInterval: .zero)
    for _ in 0..<100 { expect(anything.received(now: start, hasSent: false)) }
  }

  @Test("Calls that are opened and cancelled too quickly cost the connection")
  func rapidResets() {
    var resets = ResetGuard()
    var refusedAt: Int?
    for number in 0..<5000 where refusedAt == nil {
      resets.callOpened()
      let now = start + .microseconds(Int64(number))
      if !resets.callCancelled(opened: now, now: now) { refusedAt = number }
    }
    // The first pair opened the window before it counted.
    #expect(refusedAt == ResetGuard.limit + 1)
  }

  @Test("Many old calls may be cancelled at once, and any number slowly")
  func harmlessResets() {
    var resets = ResetGuard()
    for _ in 0..<50_000 { resets.callOpened() }
    for _ in 0..<50_000 {
      expect(resets.callCancelled(opened: start, now: start + ResetGuard.youth))
    }
    for number in 0..<20_000 {
      resets.callOpened()
      let now = start + .seconds(10) + .milliseconds(Int64(number) * 3)
      expect(resets.callCancelled(opened: now, now: now))
    }
  }

  @Test("A reader is stuck only if something waits at two looks and nothing was taken between")
  func output() {
    var output = OutputWatch()
    expect(!output.isStuck(written: 100, queued: 100))
    // More was written, nothing taken.
    expect(output.isStuck(written: 150, queued: 150))
    expect(!output.isStuck(written: 150, queued: 149))
    expect(!output.isStuck(written: 150, queued: 0))
    expect(!output.isStuck(written: 150, queued: 0))
    // As much waits as before, but it is something else.
    expect(!output.isStuck(written: 250, queued: 100))
    expect(!output.isStuck(written: 1250, queued: 100))
  }

  @Test("A message goes on if it is completed or enough of it comes")
  func messages() {
    var progress = StreamProgress()
    progress.received(10)
    expect(!progress.isMessageStalled())
    progress.received(1024)
    expect(!progress.isMessageStalled())
    progress.messagePaused()
    progress.received(1)
    expect(!progress.isMessageStalled())
    progress.received(1023)
    expect(progress.isMessageStalled())
  }

  @Test("An answer goes on if any of it is taken")
  func answers() {
    var progress = StreamProgress()
    let looks = [50, 40, 1, 1].map { progress.isAnswerStalled(held: $0) }
    #expect(looks == [false, false, false, true])
    expect(!progress.isAnswerStalled(held: 0))
    expect(!progress.isAnswerStalled(held: 0))
  }

  @Test("The age of connections varies by a tenth")
  func jitter() {
    var generator = SeededGenerator(seed: testSeed("age"))
    let ages = (0..<1000).map { _ in
      ConnectionAge.jittered(.seconds(100), using: &generator).nanoseconds / 1_000_000_000
    }
    #expect(ages.allSatisfy { (90...110).contains($0) })
    #expect(Set(ages).count > 15)
  }
}
