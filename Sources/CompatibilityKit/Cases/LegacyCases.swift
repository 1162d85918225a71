import CloudstateProtocol
import GRPCTransport
import SwiftProtobuf
import TCKProtocol

/// Section 10.1: user functions of libraries before protocol 0.2 (protocol section 9). The kit plays the
/// function.
let legacyCases: [TestCase] = [
  legacy(
    "LG1", "A function without a protocol version",
    "service info without a version: the proxy serves it",
    {
      var spec = stateful(EventSourcedScript.self)
      (spec.serviceInfo.protocolMajorVersion, spec.serviceInfo.protocolMinorVersion) = (0, 0)
      return spec
    }
  ) { scene throws(CaseFailure) in
    let call = scene.process(EventSourcedScript.self, "entity")
    let entity = try await ScriptedEntity<EventSourcedScript>.activated(scene, id: "entity")
    try await entity.expectCommand(id: 1)
    entity.reply("one", to: 1)
    _ = try await call.reply()
  },
  legacy(
    "LG2", "Keys marked with option 50002",
    "a call with the id 'old' in a field with option 50002: I of the entity 'old'",
    { ScriptedFile(key: .legacy).announcing(EventSourcedScript.entityType) }
  ) { scene throws(CaseFailure) in
    _ = scene.call("\(ScriptedFile.service)/Call", item("old"))
    let stream = try await scene.accept(EventSourcedMessages.path)
    let input: EventSourcedMessages.Input = try await scene.message(stream, "I")
    guard input.init_p.entityID == "old" else {
      throw scene.failure("I of the entity old", EventSourcedMessages.describe(input))
    }
  },
  legacy(
    "LG3", "A stateless function",
    "a unary call comes as StatelessFunction/handleUnary with its names",
    { ScriptedFile().announcing(statelessFunction) }
  ) { scene throws(CaseFailure) in
    let call = scene.call("\(ScriptedFile.service)/Call", item("one"))
    let stream = try await scene.accept("/\(statelessFunction)/handleUnary")
    try await expectNames(scene, stream, "Call")
    answer(stream)
    _ = try await call.reply()
  },
  legacy(
    "LG4", "A stream into a stateless function has no header message",
    "a streamed-in call of one message: one message with service, name and payload, then the end",
    {
      ScriptedFile(methods: [.init(name: "Gather", streamsIn: true)]).announcing(statelessFunction)
    }
  ) { scene throws(CaseFailure) in
    let call = scene.call("\(ScriptedFile.service)/Gather", item("one"))
    let stream = try await scene.accept("/\(statelessFunction)/handleStreamedIn")
    try await expectNames(scene, stream, "Gather")
    let event = await stream.incoming.next(within: scene.limit)
    guard case .completed = event else {
      throw scene.failure("the end of the requests", describe(event))
    }
    answer(stream)
    _ = try await call.reply()
  },
  legacy(
    "LG5", "A replicated entity with the old messages",
    """
    keys marked with option 50002: I without state; the reply creates a counter of 3 (field 5 of the \
    state action); after passivation I has the state, a counter of 3
    """,
    {
      var spec = ScriptedFile(key: .legacy).announcing("cloudstate.crdt.Crdt")
      spec.entities[0].passivationStrategy.timeout.timeout = 100
      return spec
    }
  ) { scene throws(CaseFailure) in
    let first = scene.call("\(ScriptedFile.service)/Call", item("old"))
    let stream = try await scene.accept(CRDTMessages.path)
    try await expectState(scene, stream, nil)
    _ = try await scene.message(stream, "C1") as CRDTMessages.Input
    stream.send(creation(of: 3, commandID: 1))
    _ = try await first.reply()
    try await scene.expectEnd(of: stream)
    stream.finish()
    _ = scene.call("\(ScriptedFile.service)/Call", item("old"))
    let again = try await scene.accept(CRDTMessages.path)
    try await expectState(scene, again, 3)
  },
]

private let statelessFunction = "cloudstate.function.StatelessFunction"

/// `Item{id}`; its one field has the number and type of the model's request.
private func item(_ id: String) -> CRDTMessages.Request { .with { $0.id = id } }

private func itemPayload() -> Google_Protobuf_Any {
  var any = packed(item("one"))
  any.typeURL = "type.googleapis.com/\(ScriptedFile.package).Item"
  return any
}

/// Commands of stateless functions have the numbers of those of actions (protocol section 9.5).
private func expectNames(
  _ scene: ScriptedScene, _ stream: ScriptedCall, _ method: String
) async throws(CaseFailure) {
  let command: Cloudstate_Action_ActionCommand = try await scene.message(stream, "a command")
  guard command.serviceName == ScriptedFile.service, command.name == method, command.hasPayload
  else {
    throw scene.failure(
      "\(ScriptedFile.service)/\(method) with a payload", ActionMessages.describe(command))
  }
}

private func answer(_ stream: ScriptedCall) {
  var response = Cloudstate_Action_ActionResponse()
  response.reply.payload = itemPayload()
  stream.send(response)
  stream.finish()
}

/// A reply whose state action is an old `create` with a counter (protocol section 9.4): field 5 of the
/// action is a state, whose field 1 is a counter, whose field 1 is its value.
private func creation(of value: UInt8, commandID: Int64) -> CRDTMessages.Output {
  var output = CRDTMessages.Output()
  output.reply.commandID = commandID
  output.reply.clientAction.reply.payload = itemPayload()
  let create: [UInt8] = [0x2a, 4, 0x0a, 2, 0x08, value]
  if let action = try? Cloudstate_Crdt_CrdtStateAction(serializedBytes: create) {
    output.reply.stateAction = action
  }
  return output
}

/// The old `init` has the state in its field 3, where the new one has a change: a counter of the old state
/// reads as a change by its value.
private func expectState(
  _ scene: ScriptedScene, _ stream: ScriptedCall, _ value: UInt64?
) async throws(CaseFailure) {
  let input: CRDTMessages.Input = try await scene.message(stream, "I")
  let start = input.init_p
  let found = start.hasDelta ? start.delta.gcounter.increment : nil
  guard start.entityID == "old", found == value else {
    throw scene.failure(
      value.map { "I of old with a counter of \($0)" } ?? "I of old without state",
      CRDTMessages.describe(input))
  }
}

private func legacy(
  _ id: String, _ title: String, _ clause: String,
  _ spec: @escaping @Sendable () -> Cloudstate_EntitySpec,
  _ run: @escaping @Sendable (ScriptedScene) async throws(CaseFailure) -> Void
) -> TestCase {
  TestCase(
    scripted: id, title, .legacy, clause: clause, ScriptedProcedure(spec: spec, run: run))
}
