import NIOCore
import TestSupport
import Testing

@testable import GRPCTransport

private func at(_ milliseconds: Int64) -> NIODeadline {
  .uptimeNanoseconds(1_000_000_000) + .milliseconds(milliseconds)
}

@Suite struct ReconnectMachineTests {
  private struct Driver {
    var machine: ReconnectMachine
    private var random = SeededGenerator(seed: 7)

    init() {
      var backoff = GRPCReconnectBackoff()
      backoff.jitter = 0
      machine = ReconnectMachine(backoff: backoff)
    }

    mutating func wanted() -> Bool { machine.wanted() }
    mutating func connected(_ milliseconds: Int64) { machine.connected(now: at(milliseconds)) }
    mutating func retryDue() -> Bool { machine.retryDue() }
    mutating func interrupted(_ milliseconds: Int64) -> TimeAmount? {
      machine.interrupted(now: at(milliseconds), using: &random)
    }
  }

  @Test func failuresBackOffToTheMaximum() {
    var driver = Driver()
    let wanted = [driver.wanted(), driver.wanted()]
    #expect(wanted == [true, false])
    var waits: [TimeAmount?] = []
    for _ in 0..<9 {
      waits.append(driver.interrupted(0))
      #expect(driver.machine.connectivity == .transientFailure)
      let isDue = driver.retryDue()
      #expect(isDue)
    }
    #expect(
      waits == [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000].map { .milliseconds($0) })
  }

  @Test func aStableConnectionIsReplacedAtOnceAndAYoungOneIsNot() {
    var driver = Driver()
    _ = driver.wanted()
    driver.connected(0)
    #expect(driver.machine.connectivity == .ready)
    let afterStable = driver.interrupted(1000)
    #expect(afterStable == .zero)
    #expect(driver.machine.connectivity == .connecting)
    driver.connected(1001)
    let afterYoung = driver.interrupted(1100)
    #expect(afterYoung == .milliseconds(50))
    _ = driver.retryDue()
    driver.connected(1200)
    let afterYoungAgain = driver.interrupted(1300)
    #expect(afterYoungAgain == .milliseconds(100))
  }

  @Test func afterCloseNothingConnects() {
    var driver = Driver()
    _ = driver.wanted()
    _ = driver.interrupted(0)
    driver.machine.close()
    let answers = [driver.retryDue(), driver.wanted(), driver.interrupted(0) != nil]
    #expect(answers == [false, false, false])
    driver.connected(0)
    #expect(driver.machine.connectivity == .shutdown)
  }

  @Test func jitterStaysWithinItsPart() {
    let backoff = GRPCReconnectBackoff()
    var random = SeededGenerator(seed: testSeed("backoff"))
    for failures in 1...50 {
      let wait = backoff.delay(afterFailures: failures, using: &random)
      #expect(wait >= .milliseconds(40) && wait <= .milliseconds(6000))
    }
  }
}

@Suite struct KeepaliveMonitorTests {
  private let keepalive = GRPCKeepalive(interval: .seconds(10), timeout: .seconds(2))

  /// What the monitor decides at each time, where a negative time means that bytes came then.
  private func decisions(_ times: [Int64]) -> [KeepaliveMonitor.Action] {
    var monitor = KeepaliveMonitor(keepalive, now: at(0))
    var actions: [KeepaliveMonitor.Action] = []
    for time in times {
      if time < 0 {
        monitor.received(now: at(-time))
      } else {
        actions.append(monitor.timerFired(now: at(time)))
      }
    }
    return actions
  }

  @Test func silenceIsProbedThenGivenUp() {
    #expect(
      decisions([4000, -6000, 10_000, 16_000, 17_000, 18_000]) == [
        .wait(.seconds(6)), .wait(.seconds(6)), .ping(.seconds(2)), .wait(.seconds(1)), .giveUp,
      ])
  }

  @Test func anAnswerEndsTheProbe() {
    #expect(
      decisions([10_000, -11_000, 12_000]) == [.ping(.seconds(2)), .wait(.seconds(9))])
  }
}

@Suite struct SettingsCompletionTests {
  private func frame(type: UInt8 = 4, _ settings: [(UInt16, UInt32)]) -> ByteBuffer {
    var bytes = ByteBuffer()
    bytes.writeInteger(UInt32(settings.count * 6) << 8 | UInt32(type))
    bytes.writeMultipleIntegers(UInt8(0), UInt32(0))
    for (name, value) in settings { bytes.writeMultipleIntegers(name, value) }
    return bytes
  }

  @Test func aMissingLimitIsAppended() {
    var following = frame([(4, 65_535)])
    following.writeString("next frame")
    var expected = frame([(4, 65_535), (3, 500)])
    expected.writeString("next frame")
    #expect(SettingsCompletion.complete(following, limit: 500) == expected)
    #expect(SettingsCompletion.complete(frame([]), limit: 500) == frame([(3, 500)]))
  }

  @Test func aLimitThatIsThereStays() {
    let sent = frame([(1, 0), (3, 100)])
    #expect(SettingsCompletion.complete(sent, limit: 500) == sent)
  }

  @Test func anythingElseIsLetThrough() {
    let ping = frame(type: 6, [(1, 1)])
    #expect(SettingsCompletion.complete(ping, limit: 500) == ping)
    let http1 = ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n")
    #expect(SettingsCompletion.complete(http1, limit: 500) == http1)
  }

  @Test func halfAFrameIsWaitedFor() {
    let whole = frame([(4, 65_535), (5, 16_384)])
    for length in 0..<whole.readableBytes {
      let part = whole.getSlice(at: whole.readerIndex, length: length) ?? ByteBuffer()
      #expect(SettingsCompletion.complete(part, limit: 500) == nil)
    }
  }
}
