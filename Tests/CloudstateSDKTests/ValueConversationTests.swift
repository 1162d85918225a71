import CloudstateProtocol
import FoundationEssentials
import SwiftProtobuf
import Testing

@testable import CloudstateSDK

typealias ValueStreamIn = Cloudstate_Valueentity_ValueEntityStreamIn
typealias ValueStreamOut = Cloudstate_Valueentity_ValueEntityStreamOut

extension Cloudstate_Valueentity_ValueEntityStreamIn {
  static func start(
    _ entityID: String = "one", service: String = Note.serviceName, state: (any Message)? = nil
  ) throws -> Self {
    var message = Self()
    message.init_p.serviceName = service
    message.init_p.entityID = entityID
    message.init_p.state = Cloudstate_Valueentity_ValueEntityInitState()
    if let state { message.init_p.state.value = try Google_Protobuf_Any(message: state) }
    return message
  }

  static func command(
    _ id: Int64, _ name: String, _ payload: any Message = Google_Protobuf_Empty(),
    entityID: String = "one", metadata: [(String, String)] = []
  ) throws -> Self {
    var message = Self()
    message.command = try StreamIn.command(
      id, name, payload, entityID: entityID, metadata: metadata
    ).command
    return message
  }
}

/// Traces of one value entity stream: message in, answer out (protocol section 4.1).
@Suite struct ValueConversationTests {
  private typealias Reply = Cloudstate_Valueentity_ValueEntityReply
  private struct Unexpected: Error { let what: String }

  private var conversation = ValueConversation(services: [
    Note.serviceName: HostedService(Note.self), Tally.serviceName: HostedService(Tally.self),
  ])

  private mutating func reply(to message: ValueStreamIn) throws -> Reply {
    guard case .reply(let reply) = conversation.receive(message) else {
      throw Unexpected(what: "no reply")
    }
    return reply
  }

  private mutating func failure(of message: ValueStreamIn) throws -> Cloudstate_Failure {
    guard case .fail(let failure) = conversation.receive(message) else {
      throw Unexpected(what: "no failure")
    }
    return failure
  }

  private mutating func start(_ state: (any Message)? = nil) throws {
    guard case .wait = conversation.receive(try .start(state: state)) else {
      throw Unexpected(what: "an answer")
    }
  }

  private func replied(_ reply: Reply) throws -> String {
    try Google_Protobuf_StringValue(unpackingAny: reply.clientAction.reply.payload).value
  }

  private func updated(_ reply: Reply) throws -> String {
    guard case .update(let update) = reply.stateAction.action else {
      throw Unexpected(what: "no update")
    }
    return try Google_Protobuf_StringValue(unpackingAny: update.value).value
  }

  @Test("A command that only reads has a reply and no state action")
  mutating func reading() throws {
    try start(text("a"))
    let answer = try reply(to: .command(1, "Get"))
    #expect(answer.commandID == 1)
    #expect(try replied(answer) == "a")
    #expect(!answer.hasStateAction)
    #expect(answer.sideEffects.isEmpty)
  }

  @Test("An update is stored and seen by later commands")
  mutating func update() throws {
    try start()
    #expect(try replied(reply(to: .command(1, "Get"))) == "nothing")
    let answer = try reply(to: .command(2, "Set", text("a")))
    #expect(try replied(answer) == "a")
    #expect(try updated(answer) == "a")
    #expect(
      answer.stateAction.update.value.typeURL == "type.googleapis.com/google.protobuf.StringValue")
    #expect(try replied(reply(to: .command(3, "Get"))) == "a")
  }

  @Test("Several changes of one command make one state action, the last; nothing counts as empty")
  mutating func severalChanges() throws {
    try start()
    #expect(try updated(reply(to: .command(1, "Append", text("a")))) == "aa")
    #expect(try updated(reply(to: .command(2, "Append", text("b")))) == "aabb")
    let answer = try reply(to: .command(3, "SetAndDelete", text("c")))
    #expect(answer.stateAction.action == .delete(Cloudstate_Valueentity_ValueEntityDelete()))
    #expect(try replied(reply(to: .command(4, "Get"))) == "nothing")
  }

  @Test("A deleted value can be made again on the same stream")
  mutating func deletion() throws {
    try start(text("a"))
    let answer = try reply(to: .command(1, "Delete"))
    #expect(answer.stateAction.action == .delete(Cloudstate_Valueentity_ValueEntityDelete()))
    #expect(try !reply(to: .command(2, "Get")).hasStateAction)
    #expect(try updated(reply(to: .command(3, "Set", text("b")))) == "b")
  }

  @Test("A failed command leaves no change, no effect, and the stream open")
  mutating func failure() throws {
    try start(text("a"))
    let answer = try reply(to: .command(1, "SetThenFail", text("b")))
    #expect(answer.commandID == 1)
    #expect(answer.clientAction.failure.commandID == 1)
    #expect(answer.clientAction.failure.description_p == "changed my mind")
    #expect(!answer.clientAction.failure.restart)
    #expect(!answer.hasStateAction)
    #expect(answer.sideEffects.isEmpty)
    let next = try reply(to: .command(2, "Get"))
    #expect(try replied(next) == "a")
    #expect(next.sideEffects.isEmpty)
  }

  @Test("A forward goes out with the state action and the effects before it, in order")
  mutating func forwardAndEffects() throws {
    try start()
    let answer = try reply(to: .command(1, "Share", text("a")))
    #expect(try updated(answer) == "a")
    let forward = answer.clientAction.forward
    #expect(forward.serviceName == "test.Tally")
    #expect(forward.commandName == "Get")
    #expect(forward.payload.typeURL == "type.googleapis.com/google.protobuf.Empty")
    #expect(Metadata(forward.metadata)["from"] == "one")
    #expect(answer.sideEffects.map(\.serviceName) == ["test.Tally", "test.Tally"])
    #expect(answer.sideEffects.map(\.commandName) == ["Add", "Add"])
    #expect(answer.sideEffects.map(\.synchronous) == [false, true])
    #expect(
      try answer.sideEffects.map { try Google_Protobuf_Int64Value(unpackingAny: $0.payload).value }
        == [1, 2])
    #expect(answer.sideEffects.map(\.hasMetadata) == [false, true])
    #expect(Metadata(try #require(answer.sideEffects.last).metadata)["why"] == "shared")
    #expect(try reply(to: .command(2, "Get")).sideEffects.isEmpty)
  }

  @Test("The context tells id, command and metadata; the reply carries metadata back")
  mutating func metadata() throws {
    try start()
    let answer = try reply(to: .command(1, "Describe", metadata: [("color", "red")]))
    #expect(try replied(answer) == "one Describe red")
    #expect(Metadata(answer.clientAction.reply.metadata)["size"] == "7")
    #expect(try replied(reply(to: .command(2, "Describe"))) == "one Describe none")
    #expect(try !reply(to: .command(3, "Get")).clientAction.reply.hasMetadata)
  }

  @Test("What cannot be handled breaks the stream")
  func brokenCommands() throws {
    let cases: [(ValueStreamIn, String)] = [
      (try .command(7, "Rewrite"), "Rewrite"),
      (try .command(7, "Set", amount(1)), "google.protobuf.Int64Value"),
      (try .command(7, "Crash"), "Crash"),
      (try .command(7, "MisdirectedEffect"), "'test.Tally.Add'"),
      (try .command(7, "Get", entityID: "two"), "'two'"),
    ]
    for (message, text) in cases {
      var test = self
      try test.start()
      let failure = try test.failure(of: message)
      #expect(failure.commandID == 7)
      #expect(failure.description_p.contains(text), "\(failure.description_p)")
      #expect(try test.failure(of: .command(8, "Get")).description_p.contains("after a failure"))
    }
  }

  @Test("Messages out of order, and a start that cannot be trusted, break the stream")
  func order() throws {
    var stateless = try ValueStreamIn.start()
    stateless.init_p.clearState()
    var unreadable = try ValueStreamIn.start(state: text("a"))
    unreadable.init_p.state.value.value = Data([0x0a])
    let cases: [([ValueStreamIn], ValueStreamIn, String)] = [
      ([], try .command(1, "Get"), "before init"),
      ([try .start()], try .start(), "second init"),
      ([try .start()], ValueStreamIn(), "neither"),
      ([], try .start(service: "test.Unknown"), "the value entities of this server: test.Note."),
      ([], try .start(service: Tally.serviceName), "the value entities of this server: test.Note."),
      ([], stateless, "whether a value is stored"),
      ([], try .start(state: amount(1)), "google.protobuf.Int64Value"),
      ([], unreadable, "could not be read"),
    ]
    for (before, message, text) in cases {
      var test = self
      for message in before { _ = test.conversation.receive(message) }
      let failure = try test.failure(of: message)
      #expect(failure.description_p.contains(text), "\(failure.description_p)")
    }
  }
}
