import Testing

@testable import CompatibilityKit

/// The notation of test cases, and the cases themselves.
@Suite struct NotationTests {
  @Test("A script reads as the specification means it")
  func entity() throws {
    let script = try EntityScript(
      parsing: """
        I with snapshot{5, ABCDE}; event{6, F}; C1 [emit(G), effectS(id)]; \
        R1 "ABCDEFG" +ev(G)+snap(X)+se(1,2)+seS(id); FW2 id +up(v); X3 "no" or restart; P
        """)
    var start = EntityStart()
    start.snapshot = EntityStart.Snapshot(sequence: 5, value: "ABCDE")
    var extras = Extras()
    extras.events = ["G"]
    extras.snapshot = "X"
    extras.effects = [
      Extras.Effect(target: "1", synchronous: false),
      Extras.Effect(target: "2", synchronous: false),
      Extras.Effect(target: "id", synchronous: true),
    ]
    var update = Extras()
    update.stateAction = .update("v")
    #expect(
      script.steps == [
        .open(start), .event(sequence: 6, value: "F"),
        .command(id: 1, actions: [.emit("G"), .effect("id", synchronous: true)]),
        .expect(ExpectedReply(commandID: 1, outcome: .reply("ABCDEFG"), extras: extras)),
        .expect(ExpectedReply(commandID: 2, outcome: .forward("id"), extras: update)),
        .expect(
          ExpectedReply(commandID: 3, outcome: .failure("no", .allowed), extras: Extras())),
        .passivate,
      ])
  }

  @Test(
    "What is not in the notation is refused",
    arguments: [
      "Q", "C []", "C1 [emit]", "C1 [jump(A)]", "R1 A", "R1 \"A\" +foo(A)", "R1 \"A\" ev(A)",
      "X1 \"a\" +ev(A)", "I with luck", "event{A}", "P P",
    ])
  func malformed(script: String) {
    #expect(throws: NotationError.self) { try EntityScript(parsing: script) }
  }

  @Test("Requests, groups and responses of actions")
  func action() throws {
    let script = try ActionScript(
      sending: "(none) / effS(x) ; reply(a b), fwd(c), fail(d), eff(e)",
      expecting: "None, eS(x) ; Fail(d), e(e)")
    #expect(
      script.requests.map { $0.map(\.steps) } == [
        [[], [.effect("x", synchronous: true)]],
        [[.reply("a b"), .forward("c"), .fail("d"), .effect("e", synchronous: false)]],
      ])
    #expect(script.responses.map(\.outcome) == [.none, .failure("d")])
    #expect(script.responses.map { $0.effects.map(\.target) } == [["x"], ["e"]])
    #expect(throws: NotationError.self) { try ActionScript(sending: "jump(a)", expecting: "") }
    #expect(throws: NotationError.self) { try ActionScript(sending: "", expecting: "e(a)") }
  }

  @Test("Calls through a proxy, and what passes the interceptor")
  func proxy() throws {
    let script = try ProxyEntityScript(
      parsing: """
        call [emit(A), fail(no)] fails "no"; call configured gives ""; post two gives ""; conn two I; \
        in event{1, A}; in C1 [emit(A)]; in two C2; out R1 "A" +ev(A); out two R2 ""; \
        closed configured
        """)
    var extras = Extras()
    extras.events = ["A"]
    #expect(
      script.steps == [
        .call(.model, actions: [.emit("A"), .fail("no")], .failure("no")),
        .call(.configured, actions: [], .message("")),
        .post(.two, actions: [], .message("")), .connection(.two),
        .event(sequence: 1, value: "A"), .command(.model, id: 1, actions: [.emit("A")]),
        .command(.two, id: 2, actions: []),
        .reply(.model, ExpectedReply(commandID: 1, outcome: .reply("A"), extras: extras)),
        .reply(.two, ExpectedReply(commandID: 2, outcome: .reply(""), extras: Extras())),
        .closed(.configured),
      ])
    for malformed in ["call []", "conn", "in R1 \"\"", "out C1 []", "two I", "in two C1 []"] {
      #expect(throws: NotationError.self) { try ProxyEntityScript(parsing: malformed) }
    }
  }

  @Test("The cases of proxies are there, once")
  func proxyCases() {
    #expect(
      allCases.filter { $0.part == .proxy }.map(\.id) == [
        "D1", "AP1", "AP2", "AP3", "AP4", "AP5", "AP6", "AP7", "AP8", "AP9", "ESP1", "ESP2", "ESP3",
        "ESP4", "ESP5", "VEP1", "VEP2", "VEP3", "VEP4", "VEP5", "CRP1", "CRP2", "CRP3", "CRP4",
        "CRP5",
        "CRP6", "RF1", "EV1", "EV2", "EV3", "EV4", "EV5",
      ])
  }

  @Test(
    "Every case of the specification is there, once",
    arguments: [
      ("AM", 34), ("ESM", 21), ("VEM", 19), ("CRM", 2), ("GC", 8), ("PN", 8), ("GS", 8), ("OS", 8),
      ("LW", 9), ("FL", 8), ("OM", 8), ("VT", 8), ("CFE", 9), ("CST", 5), ("CWC", 1),
    ])
  func numbers(prefix: String, count: Int) {
    let ids = allCases.map(\.id).filter { $0.hasPrefix(prefix) }
    #expect(ids == (1...count).map { "\(prefix)\($0)" })
  }

  @Test("Scripts open a stream before they use it and end it, and number their commands from 1")
  func wellFormed() {
    for testCase in allCases {
      guard case .entity(let procedure) = testCase.procedure else { continue }
      for branch in [procedure.ifRestarted, procedure.ifKept] {
        let steps = procedure.script.steps + (branch?.steps ?? [])
        var isOpen = false
        var commandID: Int64 = 0
        for step in steps {
          switch step {
          case .open:
            #expect(!isOpen, "\(testCase.id)")
            isOpen = true
            commandID = 0
          case .event: #expect(isOpen && commandID == 0, "\(testCase.id)")
          case .command(let id, _):
            commandID += 1
            #expect(isOpen && id == commandID, "\(testCase.id)")
          case .expect(let reply): #expect(reply.commandID == commandID, "\(testCase.id)")
          case .passivate:
            #expect(isOpen, "\(testCase.id)")
            isOpen = false
          }
        }
        #expect(!isOpen, "\(testCase.id)")
      }
    }
  }

  @Test("A streamed case expects one response for each group it sends")
  func responses() {
    for testCase in allCases {
      guard case .action(let shape, let script) = testCase.procedure else { continue }
      let groups = script.requests.reduce(0) { $0 + $1.count }
      let single = shape == .unary || shape == .streamedIn
      #expect(script.responses.count == (single ? 1 : groups), "\(testCase.id)")
    }
  }
}
