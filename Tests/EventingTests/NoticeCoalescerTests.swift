import Eventing
import NIOCore
import Testing

@Suite struct NoticeCoalescerTests {
  @Test("The first notice goes at once, the next ones together after the interval")
  func coalesces() {
    var coalescer = NoticeCoalescer(interval: .milliseconds(5))
    #expect(coalescer.grew([:], now: moment(0)) == .none)
    #expect(coalescer.grew([1: 10], now: moment(0)) == .takeNow)
    #expect(coalescer.take(now: moment(0)) == [1: 10])
    #expect(coalescer.grew([1: 11], now: moment(1)) == .take(at: moment(5)))
    #expect(coalescer.grew([1: 12, 2: 3], now: moment(2)) == .none)
    #expect(coalescer.grew([1: 9], now: moment(3)) == .none)
    #expect(coalescer.take(now: moment(5)) == [1: 12, 2: 3])
    #expect(coalescer.grew([2: 4], now: moment(60)) == .takeNow)
  }
}
