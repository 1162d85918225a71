import NIOCore
import Testing

@testable import GRPCTransport

@Suite("Messages between two ends in one process")
struct MessageLaneTests {
  private func message(_ bytes: Int) -> ByteBuffer { ByteBuffer(repeating: 1, count: bytes) }

  @Test("A lane is full at its window and writable again at half of it")
  func window() {
    var lane = MessageLane(windowBytes: 4 * (100 + MessageLane.messageOverhead))
    for _ in 0..<3 { lane.append(message(100)) }
    #expect(!lane.isFull)
    lane.append(message(100))
    #expect(lane.isFull)
    let told = lane.takeNews()
    let again = lane.takeNews()
    #expect(told == false)
    #expect(again == nil)
    _ = lane.take()
    #expect(lane.isFull)
    _ = lane.take()
    #expect(!lane.isFull)
    #expect(lane.takeNews() == true)
  }

  @Test("Whoever saw a full lane without being told still hears that it is writable again")
  func fullUnseen() {
    var lane = MessageLane(windowBytes: 100)
    #expect(!lane.hasNews)
    lane.append(message(200))
    _ = lane.take()
    #expect(lane.hasNews)
    let told = lane.takeNews()
    #expect(told == true)
    #expect(!lane.hasNews)
  }

  @Test("Empty messages fill a lane, too")
  func emptyMessages() {
    var lane = MessageLane(windowBytes: 100)
    for _ in 0..<4 { lane.append(ByteBuffer()) }
    #expect(lane.isFull)
  }

  @Test("Nothing is taken while the receiver does not read, and order is kept")
  func reading() {
    var lane = MessageLane(windowBytes: 1000)
    for size in 1...200 { lane.append(message(size)) }
    lane.isReading = false
    #expect(lane.take() == nil)
    #expect(!lane.hasDeliverable)
    lane.isReading = true
    var sizes: [Int] = []
    while let next = lane.take() { sizes.append(next.readableBytes) }
    #expect(sizes == Array(1...200))
    #expect(lane.queuedBytes == 0)
  }

  @Test("What is discarded no longer counts")
  func discard() {
    var lane = MessageLane(windowBytes: 1000)
    lane.append(message(10))
    lane.discard()
    #expect(lane.isEmpty)
    #expect(lane.queuedBytes == 0)
  }
}
