import CloudstateModel
import NIOCore
import Testing

@testable import MessageBus

@Suite("Queues, links and logs decide without sockets")
struct QueueTests {
  private func answer(_ id: UInt64, bytes: Int = 10) -> Envelope {
    .answer(id: id, payload: ByteBuffer(repeating: 0, count: bytes))
  }

  @Test func queuesAreBoundedByCountAndBytes() {
    var byCount = OutboundQueue(maximumCount: 2, maximumBytes: 1 << 20)
    let taken = [byCount.append(answer(1)), byCount.append(answer(2)), byCount.append(answer(3))]
    #expect(taken == [true, true, false])
    var byBytes = OutboundQueue(maximumCount: 10, maximumBytes: 60)
    let fitting = [
      byBytes.append(answer(1, bytes: 20)), byBytes.append(answer(2, bytes: 9)),
      byBytes.append(answer(3, bytes: 8)),
    ]
    #expect(fitting == [true, false, true], "two overheads of 16, 20 and 8 bytes")
    byBytes.removeFirst(2) { _ in }
    let large = byBytes.append(answer(4, bytes: 1000))
    #expect(large, "one envelope is always taken")
    let dropped = byBytes.removeAll()
    #expect(dropped == 1)
    #expect(byBytes.isEmpty)
  }

  @Test func batchesStopAtTheirLimitsAndLeaveOutTheUnwanted() {
    var queue = OutboundQueue(maximumCount: 100, maximumBytes: 1 << 20)
    for id in 1...6 { _ = queue.append(answer(UInt64(id))) }
    func batch(bytes: Int, count: Int, without: Set<UInt64> = []) -> [Int] {
      var message = ByteBuffer()
      let (taken, written) = queue.writeBatch(
        to: &message, maximumBytes: bytes, maximumCount: count
      ) { !without.contains($0.number) }
      return [taken, written, message.readableBytes]
    }
    #expect(batch(bytes: 1000, count: 100) == [6, 6, 6 * 26])
    #expect(batch(bytes: 1000, count: 2) == [2, 2, 52])
    #expect(batch(bytes: 60, count: 100) == [2, 2, 52])
    #expect(batch(bytes: 1, count: 100) == [1, 1, 26], "one is always written")
    #expect(batch(bytes: 52, count: 100, without: [1, 3, 5]) == [5, 2, 52])
    #expect(batch(bytes: 52, count: 100, without: Set(1...6)) == [6, 0, 0])
    var removed: [UInt64] = []
    queue.removeFirst(4) { removed.append($0.number) }
    #expect(removed == [1, 2, 3, 4])
    #expect(batch(bytes: 1000, count: 100) == [2, 2, 52])
  }

  @Test func linksGoUpAndDown() {
    let start = NIODeadline.uptimeNanoseconds(1000)
    var status = LinkStatus(graceUntil: start + .seconds(1))
    #expect(status.acceptsRequests && !status.isUp)
    #expect(status.deadline == start + .seconds(1))
    let failedAttempt = status.disconnected()
    #expect(!failedAttempt && status.acceptsRequests, "a failed attempt does not end the grace")
    let early = status.endGrace(by: start + .milliseconds(999))
    let inTime = status.endGrace(by: start + .seconds(1))
    let again = status.endGrace(by: start + .seconds(2))
    #expect([early, inTime, again] == [false, true, false])
    #expect(!status.acceptsRequests)
    status.established()
    #expect(status.isUp && status.deadline == nil)
    let broke = status.disconnected()
    #expect(broke && !status.acceptsRequests)
  }

  @Test func aPeerThatSaidFarewellAndStaysIsUpAgain() {
    let start = NIODeadline.uptimeNanoseconds(1000)
    var status = LinkStatus(graceUntil: start)
    status.established()
    status.leave(until: start + .seconds(5))
    status.endLeaving(by: start + .milliseconds(4999))
    #expect(!status.acceptsRequests && status.deadline == start + .seconds(5))
    status.endLeaving(by: start + .seconds(5))
    #expect(status.isUp && status.deadline == nil)
    status.leave(until: start + .seconds(9))
    let broke = status.disconnected()
    status.endLeaving(by: start + .seconds(9))
    #expect(broke && !status.acceptsRequests, "a link that broke meanwhile stays down")
  }

  @Test func logsAreThrottled() {
    let start = NIODeadline.uptimeNanoseconds(1000)
    var throttle = LogThrottle(interval: .seconds(1))
    let admitted = [0, 10, 999, 1000, 1001, 5000].map {
      throttle.admit(at: start + .milliseconds($0))
    }
    #expect(admitted == [0, nil, nil, 2, nil, 1])
  }

  @Test func millisecondsAreRoundedUp() {
    let times: [TimeAmount] = [
      .nanoseconds(0), .nanoseconds(1), .milliseconds(1), .nanoseconds(1_000_001), .nanoseconds(-5),
      .hours(24 * 365 * 100),
    ]
    #expect(times.map(\.wholeMilliseconds) == [0, 1, 1, 2, 0, .max])
  }
}
