import CloudstateProtocol
import SwiftProtobuf
import Testing

@testable import CloudstateSDK

/// Commands that an event sourced entity sends to other services (protocol section 2.3).
@Suite struct ForwardsAndEffectsTests {
  private typealias Number = Google_Protobuf_Int64Value

  private var courier: EntityTester<Courier>

  init() throws { courier = try EntityTester(entityID: "one") }

  @Test("A forward goes out with the events and effects of its command")
  mutating func forward() throws {
    let forward = try courier.forward("Deliver", amount(5))
    #expect(forward.target == "test.Tally/Add")
    #expect(try forward.message() == amount(5))
    #expect(forward.metadata["from"] == "one")
    #expect(try courier.emitted(Number.self) == [amount(5)])
    #expect(courier.effects.map(\.target) == ["test.Note/Set", "test.Note/Delete"])
    #expect(courier.effects.map(\.isSynchronous) == [true, false])
    #expect(courier.effects.map { $0.metadata["why"] } == ["delivered", nil])
  }

  @Test("Effects belong to one command, and a failed one has none")
  mutating func failure() throws {
    try courier.forward("Deliver", amount(5))
    #expect(try courier.send("Count", Google_Protobuf_Empty(), returning: Number.self) == amount(5))
    #expect(courier.effects.isEmpty)
    #expect(throws: CommandFailure("lost")) { try courier.send("Lose", amount(1)) }
    #expect(courier.effects.isEmpty)
    #expect(courier.wasRestarted)
  }

  @Test("An effect alone does not ask for a restart when its command fails")
  mutating func failureWithoutEvent() throws {
    #expect(throws: CommandFailure("lost")) { try courier.send("Lose", amount(0)) }
    #expect(!courier.wasRestarted)
  }

  @Test("Metadata comes in and goes out with a reply")
  mutating func metadata() throws {
    _ = try courier.send(
      "Count", Google_Protobuf_Empty(), metadata: ["color": "red"], returning: Number.self)
    #expect(courier.replyMetadata["color"] == "red")
    #expect(courier.replyMetadata.bytes("raw") == [1, 2])
    #expect(courier.replyMetadata.keys == ["color", "raw"])
  }

  @Test(
    "A target that is no name of a method is a fault that says how to write it",
    arguments: ["test.Tally.Add", "test.Tally/", "/Add", "test.Tally/Add/", ""])
  mutating func misdirected(target: String) throws {
    let effect = #expect(throws: TesterFault.self) {
      try courier.send("EffectTo", Google_Protobuf_StringValue(target))
    }
    #expect(effect?.description.contains("'\(target)' is not the name of a method") == true)
    let forward = #expect(throws: TesterFault.self) {
      try courier.forward("ForwardTo", Google_Protobuf_StringValue(target))
    }
    #expect(forward?.description.contains("'\(target)' is not the name of a method") == true)
  }

  @Test("On the wire, effects are beside the client action")
  func wire() throws {
    var conversation = EntityConversation(services: [
      Courier.serviceName: HostedService(Courier.self)
    ])
    _ = conversation.receive(try .start(service: Courier.serviceName))
    guard case .reply(let reply) = conversation.receive(try .command(1, "Deliver", amount(5)))
    else {
      Issue.record("no reply")
      return
    }
    #expect(reply.clientAction.forward.serviceName == "test.Tally")
    #expect(reply.clientAction.forward.commandName == "Add")
    #expect(reply.sideEffects.map(\.commandName) == ["Set", "Delete"])
    #expect(reply.sideEffects.map(\.synchronous) == [true, false])
    #expect(reply.events.count == 1)
    guard
      case .reply(let failed) = conversation.receive(
        try .command(2, "Lose", Google_Protobuf_Int64Value(1)))
    else {
      Issue.record("no reply")
      return
    }
    #expect(failed.sideEffects.isEmpty)
  }
}

/// An event sourced entity that sends commands elsewhere.
private struct Courier: EventSourcedEntity {
  static let serviceName = "test.Courier"
  static let persistenceID = "courier"

  var count: Int64 = 0

  static var behavior: Behavior<Self> {
    OnCommand("Deliver") {
      (context, amount: Google_Protobuf_Int64Value) -> Answer<Google_Protobuf_Empty> in
      context.emit(amount)
      context.effect(
        to: "test.Note/Set", Google_Protobuf_StringValue("x"), synchronous: true,
        metadata: ["why": "delivered"])
      context.effect(to: "test.Note/Delete", Google_Protobuf_Empty())
      return .forward(to: "test.Tally/Add", amount, metadata: ["from": context.entityID])
    }
    OnCommand("Count") {
      (context, _: Google_Protobuf_Empty) -> Answer<Google_Protobuf_Int64Value> in
      var metadata = Metadata()
      metadata.add(context.metadata["color"] ?? "none", for: "color")
      metadata.add([1, 2], for: "raw")
      return .reply(Google_Protobuf_Int64Value(context.state.count), metadata: metadata)
    }
    OnCommand("Lose") { (context, amount: Google_Protobuf_Int64Value) in
      if amount.value > 0 { context.emit(amount) }
      context.effect(to: "test.Note/Delete", Google_Protobuf_Empty())
      throw CommandFailure("lost")
    }
    OnCommand("EffectTo") { (context, target: Google_Protobuf_StringValue) in
      context.effect(to: ServiceMethod(target.value), Google_Protobuf_Empty())
    }
    OnCommand("ForwardTo") {
      (context, target: Google_Protobuf_StringValue) -> Answer<Google_Protobuf_Empty> in
      .forward(to: ServiceMethod(target.value), Google_Protobuf_Empty())
    }
    OnEvent { (courier, amount: Google_Protobuf_Int64Value) in courier.count += amount.value }
  }
}
