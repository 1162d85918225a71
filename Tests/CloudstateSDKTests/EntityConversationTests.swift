import CloudstateProtocol
import FoundationEssentials
import SwiftProtobuf
import Testing

@testable import CloudstateSDK

/// Traces of one entity stream: message in, answer out (protocol section 3.1).
@Suite struct EntityConversationTests {
  private var conversation = EntityConversation(services: [
    Tally.serviceName: HostedService(Tally.self)
  ])

  /// Sends a message and requires a reply.
  private mutating func reply(to message: StreamIn) throws
    -> Cloudstate_Eventsourced_EventSourcedReply
  {
    guard case .reply(let reply) = conversation.receive(message) else {
      throw Unexpected(what: "no reply")
    }
    return reply
  }

  /// Sends a message and requires a stream-level failure.
  private mutating func failure(of message: StreamIn) throws -> Cloudstate_Failure {
    guard case .fail(let failure) = conversation.receive(message) else {
      throw Unexpected(what: "no failure")
    }
    return failure
  }

  private mutating func quietly(_ messages: StreamIn...) throws {
    for message in messages {
      guard case .wait = conversation.receive(message) else { throw Unexpected(what: "an answer") }
    }
  }

  private struct Unexpected: Error { let what: String }

  private func replied(_ reply: Cloudstate_Eventsourced_EventSourcedReply) throws -> Int64 {
    try Google_Protobuf_Int64Value(unpackingAny: reply.clientAction.reply.payload).value
  }

  @Test("A command is answered with its id, its reply and its events")
  mutating func command() throws {
    try quietly(.start())
    let answer = try reply(to: .command(1, "Add", amount(5)))
    #expect(answer.commandID == 1)
    #expect(try replied(answer) == 5)
    #expect(answer.events.map(\.typeURL) == ["type.googleapis.com/google.protobuf.Int64Value"])
    #expect(
      try answer.events.map { try Google_Protobuf_Int64Value(unpackingAny: $0) } == [amount(5)])
    #expect(!answer.hasSnapshot)
    #expect(answer.sideEffects.isEmpty)
  }

  @Test("A command without events leaves none in its reply, also after one with events")
  mutating func commandWithoutEvents() throws {
    try quietly(.start())
    _ = try reply(to: .command(1, "Add", amount(5)))
    let answer = try reply(to: .command(2, "Get"))
    #expect(try replied(answer) == 5)
    #expect(answer.events.isEmpty)
  }

  @Test("The state is the snapshot and the events after it")
  mutating func replay() throws {
    try quietly(
      .start(snapshot: (10, amount(100))), .event(11, amount(1)), .event(12, amount(2)))
    #expect(try replied(reply(to: .command(1, "Get"))) == 103)
  }

  @Test("A snapshot with all events comes when an event number is a multiple of the interval")
  mutating func snapshots() throws {
    try quietly(.start(), .event(1, amount(1)))
    #expect(try !reply(to: .command(1, "Add", amount(1))).hasSnapshot)
    let answer = try reply(to: .command(2, "AddTwice", amount(10)))
    #expect(try Google_Protobuf_Int64Value(unpackingAny: answer.snapshot) == amount(22))
    #expect(answer.events.count == 2)
    #expect(try !reply(to: .command(3, "Add", amount(1))).hasSnapshot)
    #expect(try reply(to: .command(4, "Add", amount(1))).hasSnapshot)
  }

  @Test("A failure before any event keeps the instance")
  mutating func regularFailure() throws {
    try quietly(.start())
    _ = try reply(to: .command(1, "Add", amount(5)))
    let answer = try reply(to: .command(2, "Fail", Google_Protobuf_StringValue("no")))
    #expect(answer.commandID == 2)
    #expect(answer.clientAction.failure.commandID == 2)
    #expect(answer.clientAction.failure.description_p == "no")
    #expect(!answer.clientAction.failure.restart)
    #expect(try replied(reply(to: .command(3, "Get"))) == 5)
  }

  @Test("A failure after an event stores nothing and asks for a restart")
  mutating func failureWithRestart() throws {
    try quietly(.start())
    let answer = try reply(to: .command(1, "AddThenFail", amount(5)))
    #expect(answer.clientAction.failure.restart)
    #expect(answer.clientAction.failure.description_p == "changed my mind")
    #expect(answer.events.isEmpty)
    #expect(!answer.hasSnapshot)
    // The state holds an event that was never stored, so it must not serve another command.
    #expect(try failure(of: .command(2, "Get")).description_p.contains("restart"))
  }

  @Test("An unknown command, a wrong payload, a crash and an unknown event break the stream")
  func brokenCommands() throws {
    let cases: [(StreamIn, String)] = [
      (try .command(7, "Multiply", amount(1)), "Multiply"),
      (try .command(7, "Add", Google_Protobuf_StringValue("x")), "google.protobuf.StringValue"),
      (try .command(7, "Crash"), "Crash"),
      (try .command(7, "EmitUnknown"), "google.protobuf.BoolValue"),
      (try .command(7, "Add", amount(1), entityID: "two"), "'two'"),
    ]
    for (message, text) in cases {
      var test = self
      try test.quietly(.start())
      let failure = try test.failure(of: message)
      #expect(failure.commandID == 7)
      #expect(failure.description_p.contains(text), "\(failure.description_p)")
      #expect(!failure.restart)
    }
  }

  @Test("Unreadable payload bytes break the stream")
  mutating func unreadablePayload() throws {
    try quietly(.start())
    var message = try StreamIn.command(1, "Add")
    message.command.payload.typeURL = "type.googleapis.com/google.protobuf.Int64Value"
    message.command.payload.value = Data([0x08])
    #expect(try failure(of: message).description_p.contains("could not be read"))
  }

  @Test("Type URLs of other hosts are understood")
  mutating func otherHosts() throws {
    var event = try StreamIn.event(1, amount(2))
    event.event.payload.typeURL = "example.com/types/google.protobuf.Int64Value"
    try quietly(.start(), event)
    var command = try StreamIn.command(1, "Add", amount(3))
    command.command.payload.typeURL = "google.protobuf.Int64Value"
    #expect(try replied(reply(to: command)) == 5)
  }

  @Test("Messages out of order break the stream")
  func disorder() throws {
    let start = try StreamIn.start()
    let get = try StreamIn.command(1, "Get")
    let cases: [([StreamIn], StreamIn, String)] = [
      ([], get, "before init"),
      ([], try .event(1, amount(1)), "before init"),
      ([start], start, "second init"),
      ([start], try .event(2, amount(1)), "Event 2"),
      ([start], StreamIn(), "neither"),
      ([start], try .event(1, Google_Protobuf_BoolValue(true)), "google.protobuf.BoolValue"),
      ([], try .start(service: "test.Unknown"), "'test.Unknown'"),
      ([], try .start(snapshot: (1, Google_Protobuf_BoolValue(true))), "google.protobuf.BoolValue"),
      ([], try .start(snapshot: (-1, amount(1))), "-1"),
      (
        [try .start(snapshot: (.max, amount(1)))], try .event(1, amount(1)),
        "after event \(Int64.max)"
      ),
    ]
    for (before, message, text) in cases {
      var test = self
      for message in before { try test.quietly(message) }
      let failure = try test.failure(of: message)
      #expect(failure.description_p.contains(text), "\(failure.description_p)")
    }
    var test = self
    try test.quietly(start)
    _ = try test.reply(to: get)
    #expect(try test.failure(of: .event(1, amount(1))).commandID == 0)
  }

  @Test("The context tells id, command, sequence and metadata of each command")
  mutating func context() throws {
    try quietly(.start("a|b"), .event(1, amount(1)))
    let first = try reply(
      to: .command(1, "Describe", entityID: "a|b", metadata: [("color", "red"), ("color", "blue")]))
    let second = try reply(to: .command(2, "Describe", entityID: "a|b"))
    #expect(
      try [first, second].map {
        try Google_Protobuf_StringValue(unpackingAny: $0.clientAction.reply.payload).value
      } == ["a|b Describe 1 red", "a|b Describe 1 none"])
  }

  @Test("Applying an event changes the state in place instead of copying it")
  func inPlace() throws {
    var conversation = EntityConversation(services: [
      Ledger.serviceName: HostedService(Ledger.self)
    ])
    _ = conversation.receive(try .start(service: Ledger.serviceName))
    for id in 1...10 as ClosedRange<Int64> {
      guard case .reply(let reply) = conversation.receive(try .command(id, "Append", amount(id)))
      else { throw Unexpected(what: "no reply") }
      #expect(try replied(reply) == 0)
    }
  }
}

/// Counts how often its entries were copied by an append, which a shared state would cause.
private struct Ledger: EventSourcedEntity {
  static let serviceName = "test.Ledger"
  static let persistenceID = "ledger"

  var entries: [Int64]
  var copies: Int64 = 0

  init() {
    entries = []
    entries.reserveCapacity(100)
  }

  static var behavior: Behavior<Self> {
    OnCommand("Append") { (context, entry: Google_Protobuf_Int64Value) in
      context.emit(entry)
      return Google_Protobuf_Int64Value(context.state.copies)
    }
    OnEvent { (ledger, entry: Google_Protobuf_Int64Value) in
      let before = ledger.entries.withUnsafeBufferPointer(\.baseAddress)
      ledger.entries.append(entry.value)
      if ledger.entries.withUnsafeBufferPointer(\.baseAddress) != before { ledger.copies += 1 }
    }
  }
}
