import CloudstateSDK
import SwiftProtobuf
import Testing

@Suite struct ValueEntityTesterTests {
  private typealias Text = Google_Protobuf_StringValue

  @Test("The tester stores the value as bytes and starts anew from them")
  func storing() throws {
    var note = try ValueEntityTester<Note>()
    #expect(note.state == nil)
    #expect(try note.send("Set", text("a"), returning: Text.self) == text("a"))
    #expect(note.wasStored)
    try note.restart()
    #expect(note.state == text("a"))
    #expect(try note.send("Get", Google_Protobuf_Empty(), returning: Text.self) == text("a"))
    #expect(!note.wasStored)
    try note.send("Delete", Google_Protobuf_Empty())
    try note.restart()
    #expect(note.state == nil)
  }

  @Test("A test can start from a value")
  func initialState() throws {
    var note = try ValueEntityTester<Note>(state: text("a"))
    #expect(try note.send("Append", text("b"), returning: Text.self) == text("abb"))
  }

  @Test("A failed command changes nothing")
  func failure() throws {
    var note = try ValueEntityTester<Note>(state: text("a"))
    #expect(throws: CommandFailure("changed my mind")) { try note.send("SetThenFail", text("b")) }
    #expect(note.state == text("a"))
    #expect(!note.wasStored)
    #expect(note.effects.isEmpty)
  }

  @Test("Forwards, effects and metadata can be looked at")
  func outgoing() throws {
    var note = try ValueEntityTester<Note>(entityID: "one")
    let forward = try note.forward("Share", text("a"))
    #expect(forward.target == "test.Tally/Get")
    #expect(forward.metadata["from"] == "one")
    #expect(throws: TesterFault.self) { try forward.message(Text.self) }
    #expect(note.effects.map(\.target) == ["test.Tally/Add", "test.Tally/Add"])
    #expect(note.effects.map(\.isSynchronous) == [false, true])
    #expect(
      try note.effects.map { try $0.message(Google_Protobuf_Int64Value.self).value } == [1, 2])
    let reply = try note.send(
      "Describe", Google_Protobuf_Empty(), metadata: ["color": "red"], returning: Text.self)
    #expect(reply == text("one Describe red"))
    #expect(note.replyMetadata["size"] == "7")
    #expect(note.effects.isEmpty)
  }

  @Test("Mistakes of a test or an entity are faults, not failures")
  func faults() throws {
    var note = try ValueEntityTester<Note>()
    #expect(throws: TesterFault.self) { try note.send("Rewrite", text("a")) }
    #expect(throws: TesterFault.self) { try note.send("Crash", Google_Protobuf_Empty()) }
    #expect(throws: TesterFault.self, "it is forwarded") { try note.send("Share", text("a")) }
    #expect(throws: TesterFault.self, "it is answered") { try note.forward("Set", text("a")) }
  }
}
