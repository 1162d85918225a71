import CloudstateSDK
import SwiftProtobuf
import TestSupport
import Testing

@Suite struct ActionTesterTests {
  private typealias Text = Google_Protobuf_StringValue
  private let probe = Probe()
  private var relay: ActionTester { ActionTester(Relay(probe: probe)) }

  @Test("Methods of all shapes answer")
  func shapes() async throws {
    let now = try await relay.send(
      "Now", text("a"), metadata: ["color": "red"], returning: Text.self)
    #expect(now == text("a red"))
    #expect(try await relay.send("Soon", text("a"), returning: Text.self) == text("a Soon"))
    try await relay.send("Ignore", text("a"))
    let joined = try await relay.send("Join", text("a"), text("b"), returning: Text.self)
    #expect(joined == text("none a b"))
    let split = try await relay.call("Split", text("a b c"))
    #expect(try split.map { try $0.reply(Text.self).value } == ["a", "b", "c"])
    let echo = try await relay.call("Echo", text("a"), text("forward"), text("nothing"), text("b"))
    #expect(try echo[0].reply(Text.self) == text("a"))
    #expect(try echo[1].forward().target == "test.Tally/Get")
    #expect(echo[2].isEmpty)
    #expect(try echo[3].reply(Text.self) == text("b"))
  }

  @Test("Metadata, effects and failures can be looked at")
  func answers() async throws {
    let reply = try await relay.call("Order", text("hello"))
    #expect(reply.map { $0.replyMetadata["length"] } == ["5"])
    let effects = try await relay.call("Order", text("effects"))
    #expect(effects[0].effects.map(\.target) == ["test.Tally/Add", "test.Note/Set"])
    #expect(effects[0].effects.map(\.isSynchronous) == [false, true])
    await #expect(throws: CommandFailure("refused")) {
      try await relay.send("Order", text("fail"), returning: Text.self)
    }
    await #expect(throws: CommandFailure("no")) {
      try await relay.send("Order", text("throw"), returning: Text.self)
    }
    let failure = try await relay.call("Order", text("fail"))
    #expect(throws: CommandFailure("refused")) { try failure[0].reply(Text.self) }
    #expect(throws: CommandFailure("refused")) { try failure[0].forward() }
  }

  @Test("A caller that has enough goes away, which cancels the method", .timeLimit(.minutes(1)))
  func limit() async throws {
    let some = try await relay.call("Flood", amount(.max), atMost: 3)
    #expect(some.count == 3)
    try await eventually("the method is cancelled") { probe.isCancelled }
  }

  @Test("Mistakes of a test or an action are faults, not failures")
  func faults() async throws {
    let relay = relay
    await #expect(throws: TesterFault.self) { try await relay.send("Later", text("a")) }
    await #expect(throws: TesterFault.self) { try await relay.send("Now", amount(1)) }
    await #expect(throws: TesterFault.self) { try await relay.call("Order", text("crash")) }
    await #expect(throws: TesterFault.self, "it is handed over") {
      try await relay.send("Order", text("forward"), returning: Text.self)
    }
    await #expect(throws: TesterFault.self, "it answers more than once") {
      try await relay.send("Split", text("a b"), returning: Text.self)
    }
    await #expect(throws: TesterFault.self, "it takes one request") {
      try await relay.send("Now", text("a"), text("b"), returning: Text.self)
    }
  }
}
