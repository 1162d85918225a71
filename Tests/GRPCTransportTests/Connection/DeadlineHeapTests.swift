import NIOCore
import TestSupport
import Testing

@testable import GRPCTransport

private final class Holder: DeadlineHolder {
  var deadlineSlot = -1
  let time: UInt64

  init(_ time: UInt64) { self.time = time }

  func deadlinePassed() {}
}

@Suite struct DeadlineHeapTests {
  @Test func behavesLikeASortedList() {
    var random = SeededGenerator(seed: testSeed("deadline heap"))
    for _ in 0..<50 {
      var heap = DeadlineHeap()
      var model: [Holder] = []
      var now: UInt64 = 0
      for _ in 0..<400 {
        switch Int.random(in: 0..<4, using: &random) {
        case 0, 1:
          let holder = Holder(now + UInt64.random(in: 0...1000, using: &random))
          heap.insert(holder, deadline: .uptimeNanoseconds(holder.time))
          model.append(holder)
        case 2:
          guard let index = model.indices.randomElement(using: &random) else { continue }
          let holder = model.remove(at: index)
          heap.remove(holder)
          heap.remove(holder)
        default:
          now += UInt64.random(in: 0...100, using: &random)
          var popped: [UInt64] = []
          while let holder = heap.popPassed(now: .uptimeNanoseconds(now)) as? Holder {
            #expect(holder.deadlineSlot == -1)
            popped.append(holder.time)
            model.removeAll { $0 === holder }
          }
          #expect(popped == popped.sorted())
          #expect(!model.contains { $0.time <= now })
        }
        #expect(heap.count == model.count)
        #expect(heap.earliest == model.map(\.time).min().map { .uptimeNanoseconds($0) })
      }
    }
  }
}
