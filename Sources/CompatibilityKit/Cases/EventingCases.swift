import CloudstateProtocol
import GRPCTransport
import SwiftProtobuf
import TCKProtocol

/// Section 10: what a proxy does with the events of event sourced entities.
let eventingCases: [TestCase] = [
  eventing(
    "EV1", "Consume an event",
    """
    EmitEvent(event_one reply "some message"); I of EventSourcedEntityOne, a command, a reply; new \
    handleUnary with the event; out Response{id, "some message"}
    """
  ) { run throws(CaseFailure) in
    try await run.emit(one: .reply("some message"))
    let call = try await run.consumption(.unary)
    try await call.expectEvent(oneEvent(.reply("some message")))
    try await call.expectReply("some message")
  },
  eventing(
    "EV2", "Forward a consumed event",
    """
    EmitEvent(event_one forward "some message"); I of EventSourcedEntityOne, a command, a reply; new \
    handleUnary, out a forward to Effect; new handleUnary of Effect
    """
  ) { run throws(CaseFailure) in
    try await run.emit(one: .forward("some message"))
    let call = try await run.consumption(.unary)
    try await call.expectEvent(oneEvent(.forward("some message")))
    try await call.expectForward("some message")
    let effect = try await run.consumption(.unary)
    let command = try await effect.command()
    guard command.name == "Effect" else {
      throw run.watch.failure("a call of Effect", "a call of \(command.name)")
    }
  },
  eventing(
    "EV3", "JSON event",
    """
    EmitJsonEvent("some json message"); I of EventSourcedEntityTwo, a command, a reply with one event \
    json.cloudstate.io/...; new handleUnary; out Response{id, "some json message"}
    """
  ) { run throws(CaseFailure) in
    try await run.emit(json: "some json message")
    let call = try await run.consumption(.unary)
    _ = try await call.command()
    try await call.expectReply("some json message")
  },
  eventing(
    "EV4", "Consume an event as a stream",
    """
    EmitEvent(event_two reply "a", reply "b", reply "c"); I of EventSourcedEntityOne, a command, a \
    reply; new handleStreamedOut with the event; out Response{id} of a, b, c, completed
    """, section: "10"
  ) { run throws(CaseFailure) in
    let texts = ["a", "b", "c"]
    try await run.emit(two: texts)
    let call = try await run.consumption(.streamedOut)
    try await call.expectEvent(twoEvent(texts))
    for text in texts { try await call.expectReply(text) }
    let event = await call.connection.outgoing.next(within: run.watch.limit)
    guard case .completed = event else {
      throw run.watch.failure("out completed", describe(event))
    }
  },
  eventing(
    "EV5", "CloudEvents metadata of a consumed event",
    """
    as EV1; the command has ce-id, ce-source eventlogeventing-one, ce-specversion 1.0, ce-type with the \
    type URL, ce-subject with the entity id and Content-Type application/vnd.cloudstate.protobuf.any
    """, section: "10.1"
  ) { run throws(CaseFailure) in
    try await run.emit(one: .reply("metadata"))
    let call = try await run.consumption(.unary)
    let command = try await call.command()
    let wanted = [
      ("ce-source", "eventlogeventing-one"), ("ce-specversion", "1.0"),
      ("ce-type", packed(oneEvent(.reply(""))).typeURL), ("ce-subject", run.entityID),
      ("content-type", "application/vnd.cloudstate.protobuf.any"),
    ]
    let entries = command.metadata.entries
    func value(_ key: String) -> String? {
      entries.first { $0.key.lowercased() == key }?.stringValue
    }
    for (key, text) in wanted where value(key) != text {
      throw run.watch.failure("\(key) \(text)", value(key).map { "\(key) \($0)" } ?? "no \(key)")
    }
    guard let id = value("ce-id"), !id.isEmpty else {
      throw run.watch.failure("a ce-id", "none")
    }
    try await call.expectReply("metadata")
  },
]

private func eventing(
  _ id: String, _ title: String, _ clause: String, section: String = "10",
  _ body: @escaping @Sendable (EventingRun) async throws(CaseFailure) -> Void
) -> TestCase {
  TestCase(
    id: id, title: title, group: .eventing, section: section, clause: clause,
    needs: [
      EventingRun.subscriber, EventingRun.entityOne, EventingRun.entityTwo,
    ],
    procedure: .proxy(
      ProxyProcedure { scene throws(CaseFailure) in
        // An id of its own for each case, so that none sees what another emitted.
        let entityID = scene.identifier("eventlogeventing:\(id.dropFirst(2))")
        var watch = scene.watch
        watch.lastStep = "the event of \(entityID)"
        try await body(EventingRun(watch: watch, entityID: entityID))
      }))
}
