import CloudstateSDK
import SwiftProtobuf
import Testing

@Suite struct ReplicatedEntityTesterTests {
  private typealias Text = Google_Protobuf_StringValue

  @Test("Commands change the value; what another node changes is seen")
  func changes() throws {
    var board = try ReplicatedEntityTester<Board>()
    #expect(try board.send("Add", text("a"), returning: Text.self) == text("a"))
    #expect(board.wasChanged)
    try board.receive { board in
      board.insert("b")
      board.remove("a")
    }
    #expect(board.state.elements == ["b"])
    #expect(
      try board.send("Get", Google_Protobuf_Empty(), returning: Text.self) == text("b"))
    #expect(!board.wasChanged)
    try board.send("AddSafely", text("c"))
    #expect(board.writeConsistency == .majority)
    #expect(throws: CommandFailure("changed my mind")) { try board.send("AddThenFail", text("d")) }
    #expect(board.state.elements == ["b", "c"])
    #expect(!board.wasChanged)
    #expect(board.effects.isEmpty)
  }

  @Test("A fresh value counts as changed, unless another node was first")
  func freshValue() throws {
    var label = try ReplicatedEntityTester<Label>(entityID: "x")
    #expect(
      try label.send("Get", Google_Protobuf_Empty(), returning: Text.self) == text("of x"))
    #expect(label.wasChanged)
    var other = try ReplicatedEntityTester<Label>(entityID: "x")
    try other.receive { $0.set("theirs") }
    #expect(
      try other.send("Get", Google_Protobuf_Empty(), returning: Text.self) == text("theirs"))
    #expect(!other.wasChanged)
  }

  @Test("Streams are read as their callers would")
  func streams() throws {
    var board = try ReplicatedEntityTester<Board>()
    let watch = try board.open("Watch", text(""), returning: Text.self)
    let silent = try board.open("Watch", text("in silence"), returning: Text.self)
    try board.send("Add", text("effect"), returning: Text.self)
    var messages = try board.read(watch)
    #expect(messages.replies == [text(""), text("test 1: effect")])
    #expect(messages.effects.map(\.target) == ["test.Tally/Add"])
    #expect(!messages.isEnded)
    try board.cancel(silent)
    #expect(board.wasChanged)
    #expect(
      try board.effects.map { try $0.message(Google_Protobuf_Int64Value.self) } == [amount(1)])
    #expect(try board.read(watch).replies == [text("test 2: effect,gone")])
    #expect(try board.read(watch).replies == [])
    try board.send("Add", text("fail"), returning: Text.self)
    messages = try board.read(watch)
    #expect(messages.failure == CommandFailure("stopped"))
    #expect(messages.isEnded)
  }

  @Test("An instance starts anew from what the sidecar was told, without streams")
  func restart() throws {
    var board = try ReplicatedEntityTester<Board>()
    try board.send("Add", text("a"), returning: Text.self)
    let watch = try board.open("Watch", text(""), returning: Text.self)
    try board.restart()
    #expect(board.state.elements == ["a"])
    try board.send("Add", text("b"), returning: Text.self)
    #expect(try board.read(watch).replies.isEmpty)
    var label = try ReplicatedEntityTester<Label>()
    try label.restart()
    try label.send("Get", Google_Protobuf_Empty(), returning: Text.self)
    #expect(label.wasChanged)
    var poll = try ReplicatedEntityTester<Poll>()
    try poll.send("Agree", Google_Protobuf_Empty())
    try poll.receiveVotes(votesFor: 3, totalVoters: 4)
    try poll.restart()
    #expect((poll.state.selfVote, poll.state.votesFor, poll.state.totalVoters) == (true, 3, 4))
  }

  @Test("A deleted value gets no more commands")
  func deletion() throws {
    var board = try ReplicatedEntityTester<Board>()
    try board.send("Delete", Google_Protobuf_Empty(), returning: Text.self)
    #expect(board.isDeleted)
    #expect(!board.wasChanged)
    #expect(board.writeConsistency == .all)
    #expect(throws: TesterFault.self) { try board.send("Add", text("a"), returning: Text.self) }
    var other = try ReplicatedEntityTester<Board>()
    other.receiveDeletion()
    #expect(other.isDeleted)
  }

  @Test("Votes of others come as a sidecar counts them")
  func votes() throws {
    var poll = try ReplicatedEntityTester<Poll>()
    try poll.send("Agree", Google_Protobuf_Empty())
    try poll.receiveVotes(votesFor: 2, totalVoters: 3)
    #expect((poll.state.selfVote, poll.state.votesFor, poll.state.totalVoters) == (true, 2, 3))
    #expect(throws: TesterFault.self) { try poll.receive { $0.vote(false) } }
  }

  @Test("Mistakes of a test or an entity are faults, not failures")
  func faults() throws {
    var board = try ReplicatedEntityTester<Board>()
    #expect(throws: TesterFault.self) { try board.send("Rewrite", text("a")) }
    #expect(throws: TesterFault.self) { try board.send("Crash", Google_Protobuf_Empty()) }
    #expect(throws: TesterFault.self, "it stays open") {
      try board.send("Watch", text(""), returning: Text.self)
    }
    #expect(throws: TesterFault.self, "it does not stay open") {
      try board.open("Watch", text("once"), returning: Text.self)
    }
    #expect(try board.send("Watch", text("once"), returning: Text.self) == text(""))
    #expect(try board.forward("Watch", text("hand over")).target == "test.Note/Get")
    #expect(throws: CommandFailure("refused")) {
      try board.open("Watch", text("refuse"), returning: Text.self)
    }
  }
}

private enum Poll: ReplicatedEntity {
  static let serviceName = "test.Poll"
  static let persistenceID = "poll"
  static var behavior: ReplicatedBehavior<Vote> {
    OnCommand("Agree") { (context, _: Google_Protobuf_Empty) in context.state.vote(true) }
  }
}
