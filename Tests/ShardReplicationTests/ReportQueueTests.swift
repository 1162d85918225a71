import CloudstateModel
import Testing

@testable import ShardReplication

struct ReportQueueTests {
  private let first: ShardID
  private let second: ShardID

  init() throws {
    let service = try #require(ServiceName("cart"))
    first = ShardID(service: service, index: 0)
    second = ShardID(service: service, index: 1)
  }

  @Test("News goes at once and once, all that came together in one message")
  func news() {
    var queue = ReportQueue()
    #expect(queue.next() == nil)
    queue.add(first)
    queue.add(second)
    queue.add(first)
    #expect(queue.next() == .of([first, second]))
    #expect(queue.next() == nil)
    queue.add(first)
    #expect(queue.next() == .of([first]))
  }

  @Test("A message of all shards has their news")
  func all() {
    var queue = ReportQueue()
    queue.add(first)
    queue.addAll()
    #expect(queue.next() == .ofAll)
    #expect(queue.next() == nil)
  }

  @Test("Without answers news is gathered, and goes with the first answer")
  func bounds() {
    var queue = ReportQueue()
    for _ in 0..<ReportQueue.maximumInFlight {
      queue.add(first)
      #expect(queue.next() == .of([first]))
    }
    queue.add(first)
    queue.add(second)
    #expect(queue.next() == nil)
    queue.ended()
    #expect(queue.next() == .of([first, second]))
  }
}
