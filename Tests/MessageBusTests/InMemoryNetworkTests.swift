import CloudstateModel
import MessageBus
import NIOCore
import NIOEmbedded
import TestSupport
import Testing

@Suite("The network in memory")
struct InMemoryNetworkTests {
  private let network = InMemoryNetwork(delivery: .manual)
  private let loop = EmbeddedEventLoop()
  private let a: InMemoryMessageBus
  private let b: InMemoryMessageBus

  init() throws {
    a = network.join(as: try nodeID("a"))
    b = network.join(as: try nodeID("b"))
    a.connect(to: b.peer())
    b.connect(to: a.peer())
    _ = b.serve(try pattern("echo")) { $0.answer(.success($0.payload)) }
  }

  private func ask(_ text: String, of node: NodeID) throws -> Recorder<Answer> {
    let results = Recorder<Answer>()
    a.request(
      try subject("echo"), payload: ByteBuffer(string: text), to: node, timeout: .seconds(5),
      on: loop
    ) { results.append($0) }
    return results
  }

  @Test func nothingMovesUntilTold() throws {
    let results = try ask("1", of: b.nodeID)
    loop.run()
    #expect(results.count == 0)
    #expect(network.waitingCount == 1)
    #expect(network.deliverNext())
    loop.run()
    #expect(results.count == 0, "the answer waits")
    #expect(network.deliverNext())
    #expect(!network.deliverNext())
    loop.run()
    #expect(results.all.map(\.text) == ["1"])
  }

  @Test func timeFollowsTheEventLoop() throws {
    network.lose { $0.kind == .answer }
    let results = try ask("1", of: b.nodeID)
    network.deliverAll()
    loop.advanceTime(by: .milliseconds(4999))
    #expect(results.count == 0)
    loop.advanceTime(by: .milliseconds(1))
    #expect(results.all.map(\.failureCode) == [.timeout])
    network.lose(where: nil)
    let again = try ask("2", of: b.nodeID)
    network.deliverAll()
    loop.run()
    #expect(again.all.map(\.text) == ["2"])
  }

  @Test func partitionsBreakBothWaysAndHeal() throws {
    let pending = try ask("1", of: b.nodeID)
    network.partition(a.nodeID, b.nodeID)
    loop.run()
    #expect(pending.all.map(\.failureCode) == [.timeout])
    let next = try ask("2", of: b.nodeID)
    loop.run()
    #expect(next.all.map(\.failureCode) == [.unreachable])
    network.heal(b.nodeID, a.nodeID)
    let healed = try ask("3", of: b.nodeID)
    network.deliverAll()
    loop.run()
    #expect(healed.all.map(\.text) == ["3"])
  }

  @Test func lostPublicationsShowAsJumps() throws {
    let (seen, _) = try b.record("x.*.z.>")
    let (other, _) = try b.record("other")
    for text in ["x.y.z.1", "x.y.z.2", "other"] { try a.publish(text, "") }
    network.deliverAll()
    network.lose { $0.subject.text.hasPrefix("x.y.z") }
    try a.publish("x.y.z.3", "")
    network.deliverAll()
    network.lose(where: nil)
    for text in ["x.q.z.1", "other", "x.y.z.4", "x.y.z.5"] { try a.publish(text, "") }
    network.deliverAll()
    #expect(seen.texts == ["x.y.z.1=", "x.y.z.2=", "x.q.z.1=", "x.y.z.4=", "x.y.z.5="])
    #expect(seen.sequences == [1, 2, 3, 5, 6])
    #expect(other.sequences == [1, 2], "other classes lost nothing")
  }

  @Test func aReplacedBusIsDead() throws {
    let pending = try ask("1", of: b.nodeID)
    let reborn = network.join(as: b.nodeID)
    loop.run()
    #expect(pending.all.map(\.failureCode) == [.timeout])
    let results = try ask("2", of: b.nodeID)
    network.deliverAll()
    loop.run()
    #expect(results.all.map(\.failureCode) == [.noResponder], "the new one serves nothing yet")
    b.shutdown()
    _ = reborn.serve(try pattern("echo")) { $0.answer(.success($0.payload)) }
    let again = try ask("3", of: b.nodeID)
    network.deliverAll()
    loop.run()
    #expect(again.all.map(\.text) == ["3"], "ending the old bus does not end the new one")
  }
}
