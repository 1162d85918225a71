import CloudstateProtocol
import SwiftProtobuf
import TCKProtocol

/// The notation as messages of `cloudstate.eventsourced.EventSourced` (protocol section 3.1).
enum EventSourcedMessages: EntityMessages {
  typealias Input = Cloudstate_Eventsourced_EventSourcedStreamIn
  typealias Output = Cloudstate_Eventsourced_EventSourcedStreamOut

  static let service = "cloudstate.tck.model.EventSourcedTckModel"
  static let configuredService = "cloudstate.tck.model.EventSourcedConfigured"
  static let path = "/cloudstate.eventsourced.EventSourced/handle"
  static let httpPath = "/tck/model/eventsourced"
  static let vocabulary = ModelVocabulary(
    targetService: "cloudstate.tck.model.EventSourcedTwo",
    request: TextPayload(\Cloudstate_Tck_Model_Request.id),
    response: TextPayload(\Cloudstate_Tck_Model_Response.message),
    stored: storedText)

  private static let storedText = TextPayload(\Cloudstate_Tck_Model_Persisted.value)

  static func start(_ start: EntityStart, service: String, entityID: String) -> Input {
    var input = Input()
    input.init_p.serviceName = service
    input.init_p.entityID = entityID
    if let snapshot = start.snapshot {
      input.init_p.snapshot.snapshotSequence = snapshot.sequence
      input.init_p.snapshot.snapshot = storedText.pack(snapshot.value)
    }
    return input
  }

  static func event(sequence: Int64, value: String) -> Input {
    var input = Input()
    input.event.sequence = sequence
    input.event.payload = storedText.pack(value)
    return input
  }

  static func request(_ actions: [RequestedAction], entityID: String) -> any Message {
    var request = Cloudstate_Tck_Model_Request()
    request.id = entityID
    request.actions = actions.map { Cloudstate_Tck_Model_RequestAction($0, entityID: entityID) }
    return request
  }

  static func input(_ command: Cloudstate_Command) -> Input {
    var input = Input()
    input.command = command
    return input
  }

  static func expected(_ reply: ExpectedReply, entityID: String, restart: Bool) -> Output {
    precondition(reply.extras.stateAction == nil, "event sourced entities have no state actions")
    var output = Output()
    output.reply.commandID = reply.commandID
    output.reply.clientAction = clientAction(reply, entityID: entityID, restart: restart)
    output.reply.sideEffects = sideEffects(reply.extras, entityID: entityID)
    output.reply.events = reply.extras.events.map { storedText.pack($0) }
    if let snapshot = reply.extras.snapshot { output.reply.snapshot = storedText.pack(snapshot) }
    return output
  }

  static func canonical(_ output: Output) -> Output {
    guard case .reply(var reply) = output.message else { return output }
    if reply.hasClientAction { reply.clientAction = vocabulary.canonical(reply.clientAction) }
    reply.sideEffects = reply.sideEffects.map { vocabulary.canonical($0) }
    reply.events = reply.events.map { vocabulary.canonical($0) }
    if reply.hasSnapshot { reply.snapshot = vocabulary.canonical(reply.snapshot) }
    var output = output
    output.reply = reply
    return output
  }

  static func describe(_ output: Output) -> String {
    switch output.message {
    case .reply(let reply):
      var extras: [String] = []
      if !reply.events.isEmpty {
        let events = reply.events.map { vocabulary.describe(stored: $0) }
        extras.append("ev(\(events.joined(separator: ",")))")
      }
      if reply.hasSnapshot { extras.append("snap(\(vocabulary.describe(stored: reply.snapshot)))") }
      extras += vocabulary.describe(reply.sideEffects)
      return joined(describe(reply.clientAction, commandID: reply.commandID), extras)
    case .failure(let failure): return describe(failure)
    case nil: return "an empty message"
    }
  }

  static func canonical(_ input: Input) -> Input {
    var input = input
    switch input.message {
    case .init_p(var start):
      if start.hasSnapshot {
        start.snapshot.snapshot = vocabulary.canonical(start.snapshot.snapshot)
        input.init_p = start
      }
    case .event(var event):
      event.payload = vocabulary.canonical(event.payload)
      input.event = event
    case .command(let command): input.command = canonical(command)
    case nil: break
    }
    return input
  }

  static func describe(_ input: Input) -> String {
    switch input.message {
    case .init_p(let start):
      let text = "I of \(start.serviceName), \(start.entityID)"
      guard start.hasSnapshot else { return text }
      let value = vocabulary.describe(stored: start.snapshot.snapshot)
      return "\(text) with snapshot{\(start.snapshot.snapshotSequence), \(value)}"
    case .event(let event):
      return "event{\(event.sequence), \(vocabulary.describe(stored: event.payload))}"
    case .command(let command): return describe(command)
    case nil: return "an empty message"
    }
  }

  static func asksForRestart(_ output: Output) -> Bool { output.reply.clientAction.failure.restart }
}

extension Cloudstate_Tck_Model_RequestAction {
  fileprivate init(_ action: RequestedAction, entityID: String) {
    self.init()
    switch action {
    case .emit(let value): emit.value = value
    case .forward(let target): forward.id = resolved(target, entityID: entityID)
    case .effect(let target, let synchronous):
      effect.id = resolved(target, entityID: entityID)
      effect.synchronous = synchronous
    case .fail(let text): fail.message = text
    case .update, .delete: preconditionFailure("event sourced entities have no \(action)")
    }
  }
}
