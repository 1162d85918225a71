import CloudstateProtocol
import GRPCTransport
import SwiftProtobuf
import TestSupport
import Testing

@testable import CloudstateSDK

/// Calls of actions over real sockets: what all four shapes answer.
@Suite struct ActionServerTests {
  private func withRelay(_ body: (UserFunctionClient) async throws -> Void) async throws {
    try await UserFunctionClient.withServer(
      descriptors: descriptors(of: Relay.service), entities: [],
      actions: [Relay(probe: Probe())], body)
  }

  private func call(
    _ client: UserFunctionClient, _ name: String, _ order: String, metadata: Metadata = Metadata()
  ) async throws -> ActionOut {
    try await client.call(
      "/cloudstate.action.ActionProtocol/handleUnary",
      ActionIn.call(name, text(order), metadata: metadata), returning: ActionOut.self)
  }

  @Test("Unary methods answer at once or later, with metadata both ways")
  func unary() async throws {
    try await withRelay { client in
      let now = try await call(client, "Now", "a", metadata: ["color": "red"])
      #expect(now.text == "a red")
      #expect(!now.reply.hasMetadata)
      #expect(now.sideEffects.isEmpty)
      #expect(try await call(client, "Soon", "a").text == "a Soon")
      #expect(
        try await call(client, "Ignore", "a").text == "type.googleapis.com/google.protobuf.Empty")
      for name in ["Order", "OrderSoon"] {
        let reply = try await call(client, name, "hello")
        #expect(reply.text == "hello")
        #expect(Metadata(reply.reply.metadata)["length"] == "5")
      }
    }
  }

  @Test(
    "Answers may be forwards, failures or nothing, and have effects",
    arguments: [
      "Order", "OrderSoon",
    ])
  func answers(name: String) async throws {
    try await withRelay { client in
      let forward = try await call(client, name, "forward")
      #expect(forward.text == "-> test.Tally/Get")
      #expect(forward.forward.payload.typeURL == "type.googleapis.com/google.protobuf.Empty")
      #expect(Metadata(forward.forward.metadata)["why"] == "test")
      #expect(try await call(client, name, "nothing") == ActionOut())
      let failure = try await call(client, name, "fail")
      #expect(failure.text == "! refused")
      #expect(failure.failure.commandID == 0)
      #expect(failure.sideEffects.map(\.commandName) == ["Add"])
      let effects = try await call(client, name, "effects")
      #expect(effects.text == "nothing")
      #expect(effects.sideEffects.map(\.serviceName) == ["test.Tally", "test.Note"])
      #expect(effects.sideEffects.map(\.commandName) == ["Add", "Set"])
      #expect(effects.sideEffects.map(\.synchronous) == [false, true])
      let first = try #require(effects.sideEffects.first)
      let last = try #require(effects.sideEffects.last)
      #expect(try Google_Protobuf_Int64Value(unpackingAny: first.payload) == amount(1))
      #expect(!first.hasMetadata)
      #expect(Metadata(last.metadata)["why"] == "test")
    }
  }

  @Test("Streamed requests are joined into one answer after the last, each with its metadata")
  func streamedIn() async throws {
    try await withRelay { client in
      var stream = try await client.openAction(.streamedIn)
      try await stream.send(ActionIn.header("Join", metadata: ["color": "red"]))
      try await stream.send(ActionIn.request(text("a")))
      try await stream.send(ActionIn.request(text("b"), metadata: ["mark": "!"]))
      try await stream.sendEnd()
      #expect(try await (stream.receive() as ActionOut).text == "red a b!")
      try await stream.receiveEnd()

      var empty = try await client.openAction(.streamedIn)
      try await empty.send(ActionIn.header("Join"))
      try await empty.sendEnd()
      #expect(try await (empty.receive() as ActionOut).text == "none")
      try await empty.receiveEnd()
    }
  }

  @Test("A method may answer before the caller has sent everything; the call is over then")
  func earlyAnswer() async throws {
    try await withRelay { client in
      var stream = try await client.openAction(.streamedIn)
      try await stream.send(ActionIn.header("Join"))
      try await stream.send(ActionIn.request(text("a")))
      try await stream.send(ActionIn.request(text("stop")))
      #expect(try await (stream.receive() as ActionOut).text == "none a")
      try await stream.receiveEnd()
    }
  }

  @Test("Streamed answers come in order, from a sequence or one by one, failures among them")
  func streamedOut() async throws {
    try await withRelay { client in
      let cases = [
        ("Split", "a b c", ["a", "b", "c"]),
        ("Split", "", []),
        (
          "Orders", "a,forward,effects,fail,nothing,b",
          ["a", "-> test.Tally/Get", "nothing", "! refused", "nothing", "b"]
        ),
      ]
      for (name, order, answers) in cases {
        var stream = try await client.openAction(.streamedOut)
        try await stream.send(ActionIn.call(name, text(order)))
        try await stream.sendEnd()
        var received: [ActionOut] = []
        for _ in answers { received.append(try await stream.receive()) }
        #expect(received.map(\.text) == answers)
        #expect(
          received.map(\.sideEffects.count)
            == answers.indices.map { order.hasPrefix("a,") ? [0, 0, 2, 1, 0, 0][$0] : 0 })
        try await stream.receiveEnd()
      }
    }
  }

  @Test("Both sides stream: each request is answered while the caller may still send")
  func streamed() async throws {
    try await withRelay { client in
      var stream = try await client.openAction(.streamed)
      try await stream.send(ActionIn.header("Echo"))
      let cases = [
        ("a", "a"), ("forward", "-> test.Tally/Get"), ("fail", "! refused"), ("nothing", "nothing"),
        ("b", "b"),
      ]
      for (order, answer) in cases {
        try await stream.send(ActionIn.request(text(order)))
        #expect(try await (stream.receive() as ActionOut).text == answer)
      }
      try await stream.sendEnd()
      try await stream.receiveEnd()

      var plain = try await client.openAction(.streamed)
      try await plain.send(ActionIn.header("Shout"))
      try await plain.send(ActionIn.request(text("a")))
      #expect(try await (plain.receive() as ActionOut).text == "A")
      try await plain.sendEnd()
      try await plain.receiveEnd()
    }
  }

  /// A call of each shape that gives a method of ``Relay`` an order.
  private func open(
    _ client: UserFunctionClient, _ shape: MethodShape, _ order: String
  ) async throws -> TestStream {
    let stream = try await client.openAction(shape)
    let order = text(order)
    switch shape {
    case .unary: try await stream.send(ActionIn.call("Order", order))
    case .streamedOut: try await stream.send(ActionIn.call("Orders", order))
    case .streamedIn:
      // The order must be all that is joined.
      try await stream.send(ActionIn.header("Join", metadata: ["color": order.value]))
    case .streamed:
      try await stream.send(ActionIn.header("Echo"))
      try await stream.send(ActionIn.request(order))
    }
    if shape != .streamed { try await stream.sendEnd() }
    return stream
  }

  @Test(
    "A thrown CommandFailure is a failure response and ends the call",
    arguments: [
      MethodShape.unary, .streamedIn, .streamedOut, .streamed,
    ])
  func thrownFailure(shape: MethodShape) async throws {
    try await withRelay { client in
      var stream = try await open(client, shape, "throw")
      let response: ActionOut = try await stream.receive()
      #expect(response.text == "! no")
      #expect(response.failure.commandID == 0)
      try await stream.receiveEnd()
    }
  }

  @Test(
    "Any other error is INTERNAL and tells the caller nothing",
    arguments: [
      MethodShape.unary, .streamedIn, .streamedOut, .streamed,
    ])
  func crash(shape: MethodShape) async throws {
    try await withRelay { client in
      for order in ["crash", "misdirect"] {
        var stream = try await open(client, shape, order)
        let status = try await stream.receiveEnd(.internalError)
        #expect(!status.message.isEmpty)
        #expect(!status.message.contains("swordfish"))
        #expect(!status.message.contains("Crash"))
      }
      #expect(try await call(client, "Now", "a").text == "a none")
    }
  }

  @Test("A request of another type is INTERNAL too")
  func wrongPayload() async throws {
    try await withRelay { client in
      for name in ["Now", "Soon"] {
        var stream = try await client.openAction(.unary)
        try await stream.send(ActionIn.call(name, amount(1)))
        try await stream.sendEnd()
        try await stream.receiveEnd(.internalError)
      }
      var stream = try await client.openAction(.streamed)
      try await stream.send(ActionIn.header("Echo"))
      try await stream.send(ActionIn.request(amount(1)))
      try await stream.receiveEnd(.internalError)
    }
  }

  @Test("Calls that break the protocol are refused, also in their middle")
  func refusals() async throws {
    try await withRelay { client in
      var headless = try await client.openAction(.streamedIn)
      try await headless.send(ActionIn.call("Join", text("a")))
      #expect(try await headless.receiveEnd(.invalidArgument).message.contains("payload"))

      var garbage = try await client.openAction(.unary)
      try await garbage.send(bytes: [0xff, 0xff])
      try await garbage.receiveEnd(.invalidArgument)

      var unknown = try await client.openAction(.unary)
      try await unknown.send(ActionIn.call("Later", text("a")))
      try await unknown.receiveEnd(.unimplemented)

      var middle = try await client.openAction(.streamed)
      try await middle.send(ActionIn.header("Echo"))
      try await middle.send(ActionIn.request(text("a")))
      #expect(try await (middle.receive() as ActionOut).text == "a")
      try await middle.send(ActionIn.header("Echo"))
      try await middle.receiveEnd(.invalidArgument)
    }
  }

  @Test("Discovery reports every kind; what is not stored has no persistence id")
  func discovery() async throws {
    let descriptors = try descriptors(
      of: DescribedService(
        name: "Tally", methods: Tally.methods.map { ($0.0, $0.1, $0.2, .unary) }),
      Note.service, Relay.service)
    try await UserFunctionClient.withServer(
      descriptors: descriptors, entities: [Tally.self, Note.self],
      actions: [Relay(probe: Probe())]
    ) { client in
      let spec = try await client.call(
        "/cloudstate.EntityDiscovery/discover", Cloudstate_ProxyInfo(),
        returning: Cloudstate_EntitySpec.self)
      #expect(spec.entities.map(\.serviceName) == ["test.Tally", "test.Note", "test.Relay"])
      #expect(
        spec.entities.map(\.entityType) == [
          "cloudstate.eventsourced.EventSourced", "cloudstate.valueentity.ValueEntity",
          "cloudstate.action.ActionProtocol",
        ])
      #expect(spec.entities.map(\.persistenceID) == ["tally", "note", ""])

      var note = try await client.openValueEntity()
      try await note.send(ValueStreamIn.start(state: text("a")))
      try await note.send(ValueStreamIn.command(1, "Append", text("b")))
      let reply: ValueStreamOut = try await note.receive()
      #expect(reply.reply.commandID == 1)
      #expect(
        try Google_Protobuf_StringValue(unpackingAny: reply.reply.stateAction.update.value)
          == text("abb"))
      try await note.send(ValueStreamIn.command(2, "Crash"))
      let failure: ValueStreamOut = try await note.receive()
      #expect(failure.failure.commandID == 2)
      try await note.receiveEnd()
    }
  }
}
