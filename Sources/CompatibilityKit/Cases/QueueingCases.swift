import CloudstateProtocol

/// Section 10.1: commands of one entity one after the other, and what a restart does to them
/// (proxy-behaviour 7.2 and 7.4). The kit plays the function.
let queueingCases: [TestCase] = [
  queueing(
    "QU1", "Order and no overlap",
    """
    after R1 five calls without waiting: each command comes when the one before is answered, in their \
    order
    """
  ) { scene throws(CaseFailure) in
    let entity = try await scene.active()
    let calls = await scene.inTurn((2...6).map { [.emit("\($0)")] })
    for (id, call) in zip(Int64(2)..., calls) {
      try await entity.expectCommand(id: id, [.emit("\(id)")])
      try await scene.expectSilence(entity.stream, "while C\(id) is outstanding")
      entity.reply("\(id)", to: id)
      _ = try await call.reply()
    }
  },
  queueing(
    "QU2", "Other entities do not wait",
    "while C1 of one entity is outstanding another one is served"
  ) { scene throws(CaseFailure) in
    let slow = scene.process(EventSourcedScript.self, "slow")
    let one = try await Entity.activated(scene, id: "slow")
    try await one.expectCommand(id: 1)
    let fast = scene.process(EventSourcedScript.self, "fast")
    let other = try await Entity.activated(scene, id: "fast")
    try await other.expectCommand(id: 1)
    other.reply("fast", to: 1)
    _ = try await fast.reply()
    one.reply("slow", to: 1)
    _ = try await slow.reply()
  },
  queueing(
    "QU3", "Restart with queued commands",
    """
    R1 with an event; three calls; C2 fails with restart: its caller gets the text; the stream ends \
    and a new one begins without another call: I, event{1}, then the queued commands in order as C1 \
    and C2
    """
  ) { scene throws(CaseFailure) in
    let first = scene.process(EventSourcedScript.self, "entity", [.emit("A")])
    let entity = try await Entity.activated(scene, id: "entity")
    try await entity.expectCommand(id: 1, [.emit("A")])
    var output = EventSourcedScript.reply("A", to: 1, effects: [])
    output.reply.events = [EventSourcedMessages.event(sequence: 1, value: "A").event.payload]
    entity.stream.send(output)
    _ = try await first.reply()
    let calls = await scene.inTurn([[.fail("again, please")], [.emit("B")], [.emit("C")]])
    let (failing, queued) = (calls[0], calls.dropFirst())
    try await entity.expectCommand(id: 2, [.fail("again, please")])
    try await scene.expectSilence(entity.stream, "while C2 is outstanding")
    entity.stream.send(EventSourcedScript.failed("again, please", id: 2, restart: true))
    try await failing.expectFailure("again, please")
    try await scene.expectEnd(of: entity.stream)
    entity.stream.finish()
    let again = try await Entity.activated(scene, id: "entity")
    let event: EventSourcedMessages.Input = try await scene.message(again.stream, "event{1, A}")
    let expected = EventSourcedMessages.event(sequence: 1, value: "A")
    if event != expected {
      throw scene.failure("event{1, A}", EventSourcedMessages.describe(event))
    }
    for (id, (call, value)) in zip(Int64(1)..., zip(queued, ["B", "C"])) {
      try await again.expectCommand(id: id, [.emit(value)])
      again.reply(value, to: id)
      _ = try await call.reply()
    }
  },
  queueing(
    "QU4", "A failure does not stop the queue",
    """
    after R1 two calls; C2 fails without restart: its caller gets the text, and C3 follows on the same \
    stream
    """
  ) { scene throws(CaseFailure) in
    let entity = try await scene.active()
    let calls = await scene.inTurn([[.fail("no")], [.emit("B")]])
    let (failing, queued) = (calls[0], calls[1])
    try await entity.expectCommand(id: 2, [.fail("no")])
    entity.stream.send(EventSourcedScript.failed("no", id: 2, restart: false))
    try await failing.expectFailure("no")
    try await entity.expectCommand(id: 3, [.emit("B")])
    entity.reply("B", to: 3)
    _ = try await queued.reply()
  },
]

/// Section 10.1: side effects and the reply (proxy-behaviour 6.1 and 6.2).
let effectCases: [TestCase] = [
  effect(
    "SE1", "A synchronous effect is over before the reply",
    "R1 +seS(other): the caller gets nothing until the effect's command is answered"
  ) { scene, entity, call throws(CaseFailure) in
    entity.reply("one", to: 1, effects: [sideEffect("other", synchronous: true)])
    let other = try await Entity.activated(scene, .two, id: "other")
    try await other.expectCommand(.two, id: 1)
    try await call.expectNoAnswer(within: scene.quiet, "while a synchronous effect runs")
    other.reply("", to: 1)
    _ = try await call.reply()
  },
  effect(
    "SE2", "An asynchronous effect does not delay the reply",
    "R1 +se(other): the caller gets the reply although the effect's command is not answered"
  ) { scene, entity, call throws(CaseFailure) in
    entity.reply("one", to: 1, effects: [sideEffect("other", synchronous: false)])
    let other = try await Entity.activated(scene, .two, id: "other")
    try await other.expectCommand(.two, id: 1)
    _ = try await call.reply()
    other.reply("", to: 1)
  },
  effect(
    "SE3", "Synchronous effects run one after the other",
    "R1 +seS(a,b): the command of b comes when that of a is answered"
  ) { scene, entity, call throws(CaseFailure) in
    let effects = ["a", "b"].map { sideEffect($0, synchronous: true) }
    entity.reply("one", to: 1, effects: effects)
    let first = try await Entity.activated(scene, .two, id: "a")
    try await first.expectCommand(.two, id: 1)
    if let early = await scene.function.calls.next(within: scene.quiet) {
      throw scene.failure("no call while the effect on a runs", "a call of \(early.path)")
    }
    first.reply("", to: 1)
    let second = try await Entity.activated(scene, .two, id: "b")
    try await second.expectCommand(.two, id: 1)
    second.reply("", to: 1)
    _ = try await call.reply()
  },
  effect(
    "SE4", "A failed effect does not fail the command",
    "R1 +seS(other), and the effect's command fails: the caller gets the reply"
  ) { scene, entity, call throws(CaseFailure) in
    entity.reply("one", to: 1, effects: [sideEffect("other", synchronous: true)])
    let other = try await Entity.activated(scene, .two, id: "other")
    try await other.expectCommand(.two, id: 1)
    other.stream.send(EventSourcedScript.failed("no", id: 1, restart: false))
    _ = try await call.reply()
  },
]

private typealias Entity = ScriptedEntity<EventSourcedScript>

extension ScriptedScene {
  /// An entity that has answered its first command.
  fileprivate func active() async throws(CaseFailure) -> Entity {
    let call = process(EventSourcedScript.self, "entity")
    let entity = try await Entity.activated(self, id: "entity")
    try await entity.expectCommand(id: 1)
    entity.reply("", to: 1)
    _ = try await call.reply()
    return entity
  }

  /// Calls the same entity again and again without waiting for answers. Calls have no order but that in
  /// which they reach the proxy, hence the pauses.
  fileprivate func inTurn(_ requests: [[RequestedAction]]) async -> [PendingCall] {
    var calls: [PendingCall] = []
    for actions in requests {
      calls.append(process(EventSourcedScript.self, "entity", actions))
      try? await Task.sleep(for: .milliseconds(30))
    }
    return calls
  }
}

private func sideEffect(_ id: String, synchronous: Bool) -> Cloudstate_SideEffect {
  EventSourcedMessages.vocabulary.effect(id, synchronous: synchronous)
}

private func queueing(
  _ id: String, _ title: String, _ clause: String,
  _ run: @escaping @Sendable (ScriptedScene) async throws(CaseFailure) -> Void
) -> TestCase {
  TestCase(
    scripted: id, title, .queueing, clause: clause,
    ScriptedProcedure(spec: { stateful(EventSourcedScript.self) }, run: run))
}

/// A case that begins with a call whose command the function holds.
private func effect(
  _ id: String, _ title: String, _ clause: String,
  _ run:
    @escaping @Sendable (
      ScriptedScene, ScriptedEntity<EventSourcedScript>, PendingCall
    ) async throws(CaseFailure) -> Void
) -> TestCase {
  TestCase(
    scripted: id, title, .effects, clause: clause,
    ScriptedProcedure(
      spec: { stateful(EventSourcedScript.self) },
      run: { scene throws(CaseFailure) in
        let call = scene.process(EventSourcedScript.self, "entity")
        let entity = try await Entity.activated(scene, id: "entity")
        try await entity.expectCommand(id: 1)
        try await run(scene, entity, call)
      }))
}
