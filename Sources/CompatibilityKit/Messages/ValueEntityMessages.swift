import CloudstateProtocol
import SwiftProtobuf
import TCKProtocol

/// The notation as messages of `cloudstate.valueentity.ValueEntity` (protocol section 4.1).
enum ValueEntityMessages: EntityMessages {
  typealias Input = Cloudstate_Valueentity_ValueEntityStreamIn
  typealias Output = Cloudstate_Valueentity_ValueEntityStreamOut

  static let service = "cloudstate.tck.model.valueentity.ValueEntityTckModel"
  static let configuredService = "cloudstate.tck.model.valueentity.ValueEntityConfigured"
  static let path = "/cloudstate.valueentity.ValueEntity/handle"
  static let httpPath = "/tck/model/entity"
  static let vocabulary = ModelVocabulary(
    targetService: "cloudstate.tck.model.valueentity.ValueEntityTwo",
    request: TextPayload(\Cloudstate_Tck_Model_Valueentity_Request.id),
    response: TextPayload(\Cloudstate_Tck_Model_Valueentity_Response.message),
    stored: storedText)

  private static let storedText = TextPayload(\Cloudstate_Tck_Model_Valueentity_Persisted.value)

  static func start(_ start: EntityStart, service: String, entityID: String) -> Input {
    precondition(start.snapshot == nil, "value entities have no snapshots")
    var input = Input()
    input.init_p.serviceName = service
    input.init_p.entityID = entityID
    // Present also when there is no value.
    input.init_p.state = Cloudstate_Valueentity_ValueEntityInitState()
    if let state = start.state { input.init_p.state.value = storedText.pack(state) }
    return input
  }

  static func event(sequence: Int64, value: String) -> Input {
    preconditionFailure("value entities have no events")
  }

  static func request(_ actions: [RequestedAction], entityID: String) -> any Message {
    var request = Cloudstate_Tck_Model_Valueentity_Request()
    request.id = entityID
    request.actions = actions.map {
      Cloudstate_Tck_Model_Valueentity_RequestAction($0, entityID: entityID)
    }
    return request
  }

  static func input(_ command: Cloudstate_Command) -> Input {
    var input = Input()
    input.command = command
    return input
  }

  static func expected(_ reply: ExpectedReply, entityID: String, restart: Bool) -> Output {
    precondition(
      reply.extras.events.isEmpty && reply.extras.snapshot == nil,
      "value entities have no events and no snapshots")
    var output = Output()
    output.reply.commandID = reply.commandID
    output.reply.clientAction = clientAction(reply, entityID: entityID, restart: restart)
    output.reply.sideEffects = sideEffects(reply.extras, entityID: entityID)
    switch reply.extras.stateAction {
    case .update(let value): output.reply.stateAction.update.value = storedText.pack(value)
    case .delete: output.reply.stateAction.delete = Cloudstate_Valueentity_ValueEntityDelete()
    case nil: break
    }
    return output
  }

  static func canonical(_ output: Output) -> Output {
    guard case .reply(var reply) = output.message else { return output }
    if reply.hasClientAction { reply.clientAction = vocabulary.canonical(reply.clientAction) }
    reply.sideEffects = reply.sideEffects.map { vocabulary.canonical($0) }
    if reply.stateAction.update.hasValue {
      reply.stateAction.update.value = vocabulary.canonical(reply.stateAction.update.value)
    }
    var output = output
    output.reply = reply
    return output
  }

  static func describe(_ output: Output) -> String {
    switch output.message {
    case .reply(let reply):
      var extras: [String] = []
      if reply.hasStateAction {
        switch reply.stateAction.action {
        case .update(let update):
          extras.append("up(\(vocabulary.describe(stored: update.value)))")
        case .delete: extras.append("del")
        case nil: extras.append("an empty state action")
        }
      }
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
      if start.state.hasValue {
        start.state.value = vocabulary.canonical(start.state.value)
        input.init_p = start
      }
    case .command(let command): input.command = canonical(command)
    case nil: break
    }
    return input
  }

  static func describe(_ input: Input) -> String {
    switch input.message {
    case .init_p(let start):
      let text = "I of \(start.serviceName), \(start.entityID)"
      guard start.hasState else { return "\(text) without state" }
      guard start.state.hasValue else { return text }
      return "\(text) with state \(vocabulary.describe(stored: start.state.value))"
    case .command(let command): return describe(command)
    case nil: return "an empty message"
    }
  }

  static func asksForRestart(_ output: Output) -> Bool { output.reply.clientAction.failure.restart }
}

extension Cloudstate_Tck_Model_Valueentity_RequestAction {
  fileprivate init(_ action: RequestedAction, entityID: String) {
    self.init()
    switch action {
    case .update(let value): update.value = value
    case .delete: delete = Cloudstate_Tck_Model_Valueentity_Delete()
    case .forward(let target): forward.id = resolved(target, entityID: entityID)
    case .effect(let target, let synchronous):
      effect.id = resolved(target, entityID: entityID)
      effect.synchronous = synchronous
    case .fail(let text): fail.message = text
    case .emit: preconditionFailure("value entities have no \(action)")
    }
  }
}
