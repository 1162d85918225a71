import CloudstateProtocol
import GRPCTransport
import SwiftProtobuf

/// Section 10.1: what clients of a proxy see when the user function breaks the protocol (proxy-behaviour
/// 7.2, 7.5, 8 and 21). The kit plays the function.
let violationCases: [TestCase] =
  violations(EventSourcedScript.self, "PVE", "Event sourced")
  + violations(ValueEntityScript.self, "PVV", "Value") + [emptyStateAction]

private func violations<Script: StatefulScript>(
  _: Script.Type, _ prefix: String, _ kind: String
) -> [TestCase] {
  typealias Output = Script.Messages.Output
  func title(_ text: String) -> String { "\(kind): \(text)" }
  /// The function says something wrong instead of the reply to the first command.
  func instead(
    _ number: Int, _ what: String, _ text: String, endsStream: Bool = false,
    _ wrong: @escaping @Sendable (ScriptedCall) -> Void
  ) -> TestCase {
    violation(
      Script.self, "\(prefix)\(number)", title(what),
      "C1 is answered with \(what): UNKNOWN '\(text)'; the stream ends; the next call gets a new one"
    ) { scene throws(CaseFailure) in
      let call = scene.process(Script.self, "entity")
      let entity = try await ScriptedEntity<Script>.activated(scene, id: "entity")
      try await entity.expectCommand(id: 1)
      wrong(entity.stream)
      try await call.expectFailure(text)
      // Where the function ended the stream, there is nothing left for the proxy to end.
      if !endsStream { try await scene.expectEnd(of: entity.stream) }
      try await expectNewLife(scene, Script.self)
    }
  }
  return [
    instead(1, "a reply with a wrong id", Script.unexpectedReply) { stream in
      stream.send(Script.reply("?", to: 99, effects: []))
    },
    violation(
      Script.self, "\(prefix)2", title("an unsolicited reply"),
      "after R1 another reply: the stream ends; the next call gets a new one"
    ) { scene throws(CaseFailure) in
      let call = scene.process(Script.self, "entity")
      let entity = try await ScriptedEntity<Script>.activated(scene, id: "entity")
      try await entity.expectCommand(id: 1)
      entity.reply("one", to: 1)
      _ = try await call.reply()
      entity.reply("two", to: 2)
      try await scene.expectEnd(of: entity.stream)
      try await expectNewLife(scene, Script.self)
    },
    instead(3, "an empty message", Script.unexpectedMessage) { $0.send(Output()) },
    instead(4, "a failure of the stream", Script.unexpectedFailure) { stream in
      stream.send(Script.failure("broken inside", id: 0))
    },
    instead(5, "a failure with the id of the command", Script.unexpectedFailure) { stream in
      stream.send(Script.failure("broken inside", id: 1))
    },
    instead(6, "the end of the stream", Script.unexpectedTermination, endsStream: true) {
      $0.finish()
    },
    instead(7, "a broken stream", Script.unexpectedTermination, endsStream: true) { stream in
      stream.finish(GRPCStatus(.aborted, "broken inside"))
    },
    violation(
      Script.self, "\(prefix)8", title("queued commands when the entity crashes"),
      """
      three calls; C1 is answered with a wrong id: the first caller gets '\(Script.unexpectedReply)', \
      the others get '\(Script.terminated)'; the next call gets a new stream
      """
    ) { scene throws(CaseFailure) in
      let first = scene.process(Script.self, "entity")
      let entity = try await ScriptedEntity<Script>.activated(scene, id: "entity")
      try await entity.expectCommand(id: 1)
      let queued = [scene.process(Script.self, "entity"), scene.process(Script.self, "entity")]
      try await scene.expectSilence(entity.stream, "while C1 is outstanding")
      entity.reply("?", to: 99)
      try await first.expectFailure(Script.unexpectedReply)
      for call in queued { try await call.expectFailure(Script.terminated) }
      try await scene.expectEnd(of: entity.stream)
      try await expectNewLife(scene, Script.self)
    },
  ]
}

/// Only value entities have one.
private let emptyStateAction = violation(
  ValueEntityScript.self, "PVV9", "Value: an empty state action",
  """
  C1 is answered with a state action that says nothing: UNKNOWN \
  '\(ValueEntityScript.unexpectedFailure)'; the stream ends; the next call gets a new one
  """
) { scene throws(CaseFailure) in
  let call = scene.process(ValueEntityScript.self, "entity")
  let entity = try await ScriptedEntity<ValueEntityScript>.activated(scene, id: "entity")
  try await entity.expectCommand(id: 1)
  var output = ValueEntityScript.reply("one", to: 1, effects: [])
  output.reply.stateAction = Cloudstate_Valueentity_ValueEntityAction()
  entity.stream.send(output)
  try await call.expectFailure(ValueEntityScript.unexpectedFailure)
  try await scene.expectEnd(of: entity.stream)
  try await expectNewLife(scene, ValueEntityScript.self)
}

/// The proxy has to open another stream for the next command.
private func expectNewLife<Script: StatefulScript>(
  _ scene: ScriptedScene, _: Script.Type
) async throws(CaseFailure) {
  let call = scene.process(Script.self, "entity")
  let next = try await ScriptedEntity<Script>.activated(scene, id: "entity")
  try await next.expectCommand(id: 1)
  next.reply("again", to: 1)
  _ = try await call.reply()
}

private func violation<Script: StatefulScript>(
  _: Script.Type, _ id: String, _ title: String, _ clause: String,
  _ run: @escaping @Sendable (ScriptedScene) async throws(CaseFailure) -> Void
) -> TestCase {
  TestCase(
    scripted: id, title, .violations, clause: clause,
    ScriptedProcedure(spec: { stateful(Script.self) }, run: run))
}
