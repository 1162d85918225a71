import CloudstateProtocol
import SwiftProtobuf
import Testing

@testable import CloudstateSDK

typealias ReplicatedIn = Cloudstate_Crdt_CrdtStreamIn
typealias ReplicatedOut = Cloudstate_Crdt_CrdtStreamOut

/// The messages that a sidecar sends on the stream of a replicated entity.
extension Cloudstate_Crdt_CrdtStreamIn {
  static func start(
    _ value: ReplicatedDelta? = nil, service: String = Board.serviceName, entityID: String = "one"
  ) -> Self {
    .with {
      $0.init_p.serviceName = service
      $0.init_p.entityID = entityID
      if let value { $0.init_p.delta = value.message }
    }
  }

  static func delta(_ delta: ReplicatedDelta) -> Self { .with { $0.delta = delta.message } }

  static let delete = Self.with { $0.delete = Cloudstate_Crdt_CrdtDelete() }

  static func command(
    _ id: Int64, _ name: String, _ payload: any Message = Google_Protobuf_Empty(),
    streamed: Bool = false, entityID: String = "one", metadata: [(String, String)] = []
  ) throws -> Self {
    try .with {
      $0.command = try StreamIn.command(
        id, name, payload, entityID: entityID, metadata: metadata
      ).command
      $0.command.streamed = streamed
    }
  }

  static func watch(_ id: Int64, _ order: String = "") throws -> Self {
    try command(id, "Watch", text(order), streamed: true)
  }

  static func cancelled(_ id: Int64, entityID: String = "one") -> Self {
    .with {
      $0.streamCancelled.id = id
      $0.streamCancelled.entityID = entityID
    }
  }
}

/// Traces of one stream of a replicated entity: message in, answers out (protocol section 5.1), each
/// answer in short.
@Suite struct ReplicatedConversationTests {
  private var conversation = ReplicatedConversation(services: [
    Board.serviceName: HostedService(Board.self), Label.serviceName: HostedService(Label.self),
    Note.serviceName: HostedService(Note.self),
  ])

  private mutating func answers(to message: ReplicatedIn) throws -> [ReplicatedOut] {
    switch conversation.receive(message) {
    case .wait: return []
    case .reply(let output): return [output]
    case .replies(let outputs): return outputs
    case .fail(let failure): return [ReplicatedConversation.output(failure)]
    }
  }

  /// What is answered, in short: see ``inShort``.
  private mutating func short(_ message: ReplicatedIn) throws -> [String] {
    try answers(to: message).map { try inShort($0) }
  }

  private func inShort(_ output: ReplicatedOut) throws -> String {
    switch output.message {
    case .reply(let reply):
      var words = ["\(reply.commandID)\(reply.streamed ? "~" : "=")"]
      words += try inShort(reply.hasClientAction ? reply.clientAction : nil)
      words += reply.sideEffects.map { "!\($0.commandName)" }
      words += try inShort(reply.hasStateAction ? reply.stateAction : nil)
      return words.joined(separator: " ")
    case .streamedMessage(let message):
      var words = ["\(message.commandID)>"]
      words += try inShort(message.hasClientAction ? message.clientAction : nil)
      words += message.sideEffects.map { "!\($0.commandName)" }
      if message.endStream { words.append("END") }
      return words.joined(separator: " ")
    case .streamCancelledResponse(let response):
      var words = ["\(response.commandID)x"]
      words += try response.sideEffects.map {
        "!\($0.commandName)\(try Google_Protobuf_Int64Value(unpackingAny: $0.payload).value)"
      }
      words += try inShort(response.hasStateAction ? response.stateAction : nil)
      return words.joined(separator: " ")
    case .failure(let failure): return "\(failure.commandID) BROKEN \(failure.description_p)"
    case nil: return "nothing"
    }
  }

  private func inShort(_ action: Cloudstate_ClientAction?) throws -> [String] {
    switch action?.action {
    case .reply(let reply):
      guard reply.payload.typeURL.hasSuffix("StringValue") else { return ["ok"] }
      return ["'\(try Google_Protobuf_StringValue(unpackingAny: reply.payload).value)'"]
    case .forward(let forward): return ["->\(forward.serviceName)/\(forward.commandName)"]
    case .failure(let failure): return ["FAILED(\(failure.commandID)) \(failure.description_p)"]
    case nil: return []
    }
  }

  private func inShort(_ action: Cloudstate_Crdt_CrdtStateAction?) throws -> [String] {
    guard let action else { return [] }
    let consistency = action.writeConsistency == .local ? "" : " \(action.writeConsistency)"
    switch action.action {
    case .delete: return ["DELETE" + consistency]
    case .update(let update):
      if case .lwwregister(let register) = update.delta {
        return ["set '\(try register.value.payload(String.self))'"]
      }
      let set = update.orset
      let removed = try set.removed.map { "-" + (try $0.payload(String.self)) }
      let added = try set.added.map { "+" + (try $0.payload(String.self)) }
      return ["[\((set.cleared ? ["CLEAR"] : []) + removed + added)]".filter { $0 != "\"" }]
        .map { $0 + consistency }
    case nil: return ["no action"]
    }
  }

  @Test("Commands tell what they changed, and only that")
  mutating func changes() throws {
    #expect(try short(.start()) == [])
    #expect(try short(.command(1, "Get")) == ["1= ''"])
    #expect(try short(.command(2, "Add", text("a"))) == ["2= 'a' [[+a]]"])
    #expect(try short(.command(3, "Add", text("a"))) == ["3= 'a'"])
    #expect(try short(.delta(.orset(removed: ["a"], added: ["b"]))) == [])
    #expect(try short(.command(4, "Add", text("c"))) == ["4= 'b,c' [[+c]]"])
    #expect(try short(.command(5, "Clear")) == ["5= ok [[CLEAR]]"])
    #expect(try short(.command(6, "Get")) == ["6= ''"])
  }

  @Test("The value that the sidecar has is there from the start, and not told again")
  mutating func initialValue() throws {
    #expect(try short(.start(.orset(added: ["a", "b"]))) == [])
    #expect(try short(.command(1, "Add", text("b"))) == ["1= 'a,b'"])
  }

  @Test("A fresh value that is not empty is told with the first reply that is no failure")
  mutating func freshValue() throws {
    let start = ReplicatedIn.start(service: Label.serviceName)
    #expect(try short(start) == [])
    #expect(try short(.command(1, "Fail")) == ["1= FAILED(1) no"])
    #expect(try short(.command(2, "Get")) == ["2= 'of one' set 'of one'"])
    #expect(try short(.command(3, "Get")) == ["3= 'of one'"])
    #expect(try short(.command(4, "Fail")) == ["4= FAILED(4) no"])
    #expect(try short(.command(5, "Get")) == ["5= 'of one'"])
  }

  @Test("A value that another node has made before takes the place of the fresh one")
  mutating func otherValue() throws {
    _ = try short(.start(service: Label.serviceName))
    #expect(try short(.delta(.register("other"))) == [])
    #expect(try short(.command(1, "Get")) == ["1= 'other'"])
    var late = Self()
    _ = try late.short(.start(.register("early"), service: Label.serviceName))
    #expect(try late.short(.command(1, "Get")) == ["1= 'early'"])
  }

  @Test("A failed command leaves no change, no effect, and the stream open")
  mutating func failure() throws {
    _ = try short(.start(.orset(added: ["a"])))
    #expect(try short(.command(1, "AddThenFail", text("b"))) == ["1= FAILED(1) changed my mind"])
    #expect(try short(.command(2, "Get")) == ["2= 'a'"])
  }

  @Test("Write consistency, forwards, effects and metadata are told")
  mutating func extras() throws {
    _ = try short(.start())
    #expect(try short(.command(1, "AddSafely", text("a"))) == ["1= ok [[+a]] majority"])
    #expect(try short(.command(2, "AddSafely", text("all"))) == ["2= ok [[+all]] all"])
    #expect(try short(.command(3, "Add", text("b"))) == ["3= 'a,all,b' [[+b]]"])
    #expect(
      try short(.command(4, "Share", text("c"))) == ["4= ->test.Tally/Get !Add [[+c]]"])
    let answers = try answers(to: .command(5, "Describe", metadata: [("color", "red")]))
    #expect(try answers.map { try inShort($0) } == ["5= 'one Describe 0 red'"])
    #expect(Metadata(answers[0].reply.clientAction.reply.metadata)["size"] == "7")
  }

  @Test("A deletion takes the place of changes, ends streams, and nothing is told after it")
  mutating func deletion() throws {
    _ = try short(.start(.orset(added: ["a"])))
    _ = try short(.watch(1))
    #expect(try short(.command(2, "Delete")) == ["2= 'a,last words' DELETE all"])
    #expect(try short(.command(3, "Add", text("b"))) == ["3= 'b'"])
    #expect(try short(.command(4, "Get")) == ["4= ''"])
    #expect(try short(.command(5, "Delete")) == ["5= 'last words'"])
    #expect(try short(.delta(.orset(added: ["c"]))) == [])
    #expect(try short(.cancelled(1)) == ["1x"])
    #expect(try short(.watch(6)) == ["6= ''"])
  }

  @Test("A deletion from elsewhere clears the value")
  mutating func remoteDeletion() throws {
    _ = try short(.start(.orset(added: ["a"])))
    _ = try short(.watch(1))
    #expect(try short(.delete) == [])
    #expect(try short(.command(2, "Add", text("b"))) == ["2= 'b'"])
  }

  @Test("Streams hear of each change, by commands here and on other nodes, after its reply")
  mutating func streams() throws {
    _ = try short(.start())
    let first = try answers(to: .watch(1))
    #expect(try first.map { try inShort($0) } == ["1~ ''"])
    #expect(Metadata(first[0].reply.clientAction.reply.metadata)["size"] == "7")
    #expect(try short(.command(2, "Get")) == ["2= ''"])
    #expect(try short(.command(3, "Add", text("a"))) == ["3= 'a' [[+a]]", "1> 'one 1: a'"])
    #expect(
      try short(.watch(4, "and add")) == ["4~ 'a,watched' [[+watched]]", "1> 'one 2: a,watched'"])
    #expect(
      try short(.delta(.orset(removed: ["watched"]))) == ["1> 'one 3: a'", "4> 'one 1: a'"])
    #expect(try short(.command(5, "Describe")) == ["5= 'one Describe 2 none'"])
    #expect(try short(.command(6, "AddThenFail", text("b"))).count == 1)
  }

  @Test("A streamed message can be left out, have effects, end its stream, or fail it")
  mutating func streamedMessages() throws {
    _ = try short(.start())
    _ = try short(.watch(1))
    #expect(
      try short(.delta(.orset(added: ["silence"]))) == [])
    #expect(
      try short(.delta(.orset(cleared: true, added: ["effect"]))) == ["1> 'one 2: effect' !Add"])
    #expect(
      try short(.delta(.orset(cleared: true, added: ["end"]))) == ["1> 'one 3: end' END"])
    #expect(try short(.delta(.orset(cleared: true))) == [])
    _ = try short(.watch(2))
    #expect(
      try short(.delta(.orset(added: ["fail"]))) == ["2> FAILED(2) stopped END"])
    #expect(try short(.command(3, "Describe")) == ["3= 'one Describe 0 none'"])
  }

  @Test("Whose caller goes away may change the value; others hear of it; all get an answer")
  mutating func cancellation() throws {
    _ = try short(.start())
    _ = try short(.watch(1))
    #expect(try short(.watch(2, "in silence")) == ["2~"])
    #expect(
      try short(.cancelled(2)) == ["2x !Add1 [[+gone]]", "1> 'one 1: gone'"])
    #expect(try short(.cancelled(2)) == ["2x"])
    #expect(try short(.cancelled(1)) == ["1x"])
    #expect(try short(.command(3, "Describe")) == ["3= 'one Describe 0 none'"])
  }

  @Test("A streamed command need not keep its stream open")
  mutating func closedStreams() throws {
    _ = try short(.start())
    #expect(try short(.watch(1, "once")) == ["1= ''"])
    #expect(try short(.watch(2, "hand over")) == ["2= ->test.Note/Get"])
    #expect(try short(.watch(3, "refuse")) == ["3= FAILED(3) refused"])
    #expect(try short(.watch(4, "delete")) == ["4= '' DELETE"])
    #expect(try short(.command(5, "Describe")) == ["5= 'one Describe 0 none'"])
  }

  @Test("Only so many streams of one instance are open; further ones fail until some end")
  mutating func streamLimit() throws {
    _ = try short(.start())
    let limit = Int64(ReplicatedInstance<Board>.maximumStreams)
    for id in 1...limit { _ = conversation.receive(try .watch(id, "in silence")) }
    #expect(try short(.watch(limit + 1)).allSatisfy { $0.contains("Too many streams") })
    #expect(try short(.cancelled(1)).first == "1x !Add\(limit - 1) [[+gone]]")
    #expect(try short(.watch(limit + 2)) == ["\(limit + 2)~ 'gone'"])
  }

  @Test("What cannot be handled breaks the stream as a whole")
  func broken() throws {
    let cases: [(ReplicatedIn, String)] = [
      (try .command(7, "Rewrite"), "Rewrite"),
      (try .command(7, "Add", amount(1)), "google.protobuf.Int64Value"),
      (try .command(7, "Crash"), "Crash"),
      (try .command(7, "MisdirectedEffect"), "'test.Tally.Add'"),
      (try .command(7, "Get", entityID: "two"), "'two'"),
      (try .command(7, "Get", streamed: true), "called for a stream"),
      (try .command(7, "Watch", text("")), "called for one"),
      (try .watch(7, "crash"), "Crash"),
      (try .watch(1), "Command 1 came again"),
      (.cancelled(1, entityID: "two"), "'two'"),
      (.delta(.gset("a")), "Expected a change of an ORSet, but got one of a GSet."),
      (.delta(.orset(added: ["crash"])), "Crash"),
      (.delta(.orset(added: ["misdirect"])), "'nowhere'"),
      (.start(), "second init"),
      (ReplicatedIn(), "nothing"),
    ]
    for (message, text) in cases {
      var test = self
      _ = try test.short(.start())
      _ = try test.short(.watch(1))
      let failure = try test.short(message)
      #expect(failure.count == 1)
      #expect(failure[0].hasPrefix("0 BROKEN") && failure[0].contains(text), "\(failure)")
      #expect(try test.short(.command(8, "Get"))[0].contains("after a failure"))
    }
  }

  @Test("A start that cannot be trusted breaks the stream")
  func start() throws {
    let cases: [(ReplicatedIn, String)] = [
      (try .command(1, "Get"), "no init"),
      (
        .start(service: "test.Unknown"),
        "replicated entities of this server: test.Board, test.Label."
      ),
      (.start(service: Note.serviceName), "among the replicated entities"),
      (.start(.flag(true)), "Expected a change of an ORSet"),
    ]
    for (message, text) in cases {
      var test = self
      let failure = try test.short(message)
      #expect(failure[0].hasPrefix("0 BROKEN") && failure[0].contains(text), "\(failure)")
    }
  }
}
