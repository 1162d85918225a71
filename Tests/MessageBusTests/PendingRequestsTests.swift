import CloudstateModel
import NIOCore
import TestSupport
import Testing

@testable import MessageBus

@Suite("Pending requests complete exactly once")
struct PendingRequestsTests {
  private static func time(_ milliseconds: Int) -> NIODeadline {
    .uptimeNanoseconds(1) + .milliseconds(Int64(milliseconds))
  }

  @Test func deadlinesComeInOrder() {
    var random = SeededGenerator(seed: testSeed("deadlinesComeInOrder"))
    var queue = DeadlineQueue()
    let times = (0..<500).map { _ in Int.random(in: 0..<100, using: &random) }
    for (id, time) in times.enumerated() { queue.insert(UInt64(id), deadline: Self.time(time)) }
    var popped: [UInt64] = []
    for now in 0..<100 {
      while let id = queue.popFirst(dueBy: Self.time(now)) {
        #expect(times[Int(id)] == now)
        popped.append(id)
      }
    }
    #expect(popped.sorted() == (0..<500).map(UInt64.init))
    #expect(queue.first == nil)
  }

  /// Random histories against a plain list: each request leaves exactly once, for the right reason.
  @Test func agreesWithAPlainList() throws {
    var random = SeededGenerator(seed: testSeed("agreesWithAPlainList"))
    let peers = try ["a", "b", "c"].map { try nodeID($0) }
    var pending = PendingRequests<Int>(limitPerPeer: 20)
    var model: [UInt64: (peer: NodeID, deadline: Int, isSent: Bool)] = [:]
    var now = 0
    for step in 0..<20_000 {
      let id = UInt64(step)
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<55:
        let peer = peers[Int.random(in: 0..<3, using: &random)]
        let deadline = now + Int.random(in: 0..<400, using: &random)
        let accepted = pending.insert(
          id, to: peer, deadline: Self.time(deadline), completion: step)
        #expect(accepted == (model.values.filter { $0.peer == peer }.count < 20))
        if accepted { model[id] = (peer, deadline, false) }
      case 55..<65:
        guard let known = model.keys.sorted().randomElement(using: &random) else { continue }
        pending.markSent(known)
        model[known]?.isSent = true
      case 65..<90:
        let known = model.keys.sorted().randomElement(using: &random) ?? 0
        let peer = peers[Int.random(in: 0..<3, using: &random)]
        let expected = model[known]?.peer == peer ? Int(known) : nil
        let answered = pending.answer(known, from: peer)
        #expect(answered == expected)
        if expected != nil { model[known] = nil }
      case 90..<98:
        now += Int.random(in: 0..<60, using: &random)
        let expired = pending.removeExpired(by: Self.time(now))
        let due = model.filter { $0.value.deadline <= now }
        #expect(Set(expired.map(\.completion)) == Set(due.keys.map { Int($0) }))
        #expect(expired.count == due.count)
        for entry in expired {
          #expect(model[UInt64(entry.completion)]?.isSent == entry.isSent)
        }
        for id in due.keys { model[id] = nil }
      default:
        let peer = peers[Int.random(in: 0..<3, using: &random)]
        let removed = pending.removeAll(to: peer).map(\.completion)
        #expect(removed == model.filter { $0.value.peer == peer }.keys.sorted().map { Int($0) })
        model = model.filter { $0.value.peer != peer }
      }
      #expect(pending.count == model.count)
    }
    let rest = pending.removeAll().map(\.completion)
    #expect(rest == model.keys.sorted().map { Int($0) })
    #expect(pending.count == 0)
  }

  @Test func memoryFollowsWhatIsPending() throws {
    let peer = try nodeID("a")
    var pending = PendingRequests<Int>(limitPerPeer: 10)
    for id in 0..<100_000 {
      let accepted = pending.insert(
        UInt64(id), to: peer, deadline: Self.time(3_600_000 + id), completion: id)
      let answered = pending.answer(UInt64(id), from: peer)
      guard accepted, answered == id else {
        Issue.record("request \(id) was not taken and answered")
        return
      }
    }
    let next = try #require(pending.nextDeadline)
    #expect(next > Self.time(3_600_000 + 90_000), "deadlines of answered requests are discarded")
  }
}
