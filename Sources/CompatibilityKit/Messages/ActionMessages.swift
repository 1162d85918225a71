import CloudstateProtocol
import SwiftProtobuf
import TCKProtocol

/// The notation as messages of `cloudstate.action.ActionProtocol` (protocol section 6.1).
enum ActionMessages {
  static let service = "cloudstate.tck.model.action.ActionTckModel"
  static let vocabulary = ModelVocabulary(
    targetService: "cloudstate.tck.model.action.ActionTwo",
    request: TextPayload(\Cloudstate_Tck_Model_Action_OtherRequest.id),
    response: TextPayload(\Cloudstate_Tck_Model_Action_Response.message),
    stored: nil)

  /// The path of the protocol's method for calls of a shape.
  static func path(_ shape: ActionShape) -> String {
    "/cloudstate.action.ActionProtocol/\(shape.rawValue)"
  }

  /// The names of a call: the header of a streamed one.
  static func header(_ shape: ActionShape) -> Cloudstate_Action_ActionCommand {
    var command = Cloudstate_Action_ActionCommand()
    command.serviceName = service
    command.name = shape.methodName
    return command
  }

  /// A request of a streamed call, which has no names.
  static func request(_ groups: [ActionGroup]) -> Cloudstate_Action_ActionCommand {
    var command = Cloudstate_Action_ActionCommand()
    command.payload = packed(request(ofClient: groups))
    return command
  }

  /// The request that a client of the proxy sends.
  static func request(ofClient groups: [ActionGroup]) -> Cloudstate_Tck_Model_Action_Request {
    .with { $0.groups = groups.map { .init($0) } }
  }

  /// A call of the second service.
  static func callTwo(_ id: String) -> Cloudstate_Action_ActionCommand {
    var command = Cloudstate_Action_ActionCommand()
    command.serviceName = vocabulary.targetService
    command.name = "Call"
    command.payload = vocabulary.request.pack(id)
    return command
  }

  /// A reply of the action.
  static func response(_ text: String) -> Cloudstate_Action_ActionResponse {
    .with { $0.reply = vocabulary.reply(text) }
  }

  /// What the proxy sent, in the form that is compared: without metadata (section 1.5).
  static func canonical(
    _ command: Cloudstate_Action_ActionCommand
  ) -> Cloudstate_Action_ActionCommand {
    var command = command
    command.clearMetadata()
    guard command.hasPayload else { return command }
    if let request = try? Cloudstate_Tck_Model_Action_Request(unpackingAny: command.payload) {
      // Keeps the type URL that came.
      command.payload.value = packed(request).value
    } else {
      command.payload = vocabulary.canonical(command.payload)
    }
    return command
  }

  /// The same response without metadata anywhere: what passes a proxy may have some (section 1.5).
  static func withoutMetadata(
    _ response: Cloudstate_Action_ActionResponse
  ) -> Cloudstate_Action_ActionResponse {
    var response = response
    switch response.response {
    case .reply(var reply):
      reply.clearMetadata()
      response.reply = reply
    case .forward(var forward):
      forward.clearMetadata()
      response.forward = forward
    case .failure, nil: break
    }
    for index in response.sideEffects.indices { response.sideEffects[index].clearMetadata() }
    return response
  }

  /// What the proxy sent, for people.
  static func describe(_ command: Cloudstate_Action_ActionCommand) -> String {
    let names = command.serviceName.isEmpty ? "no names" : "\(command.serviceName)/\(command.name)"
    guard command.hasPayload else { return "\(names), no payload" }
    return "\(names), <\(command.payload.typeURL), \(command.payload.value.count) bytes>"
  }

  /// Names and request in one message.
  static func call(
    _ shape: ActionShape, _ groups: [ActionGroup]
  ) -> Cloudstate_Action_ActionCommand {
    var command = header(shape)
    command.payload = request(groups).payload
    return command
  }

  static func expected(_ response: ExpectedResponse) -> Cloudstate_Action_ActionResponse {
    var message = Cloudstate_Action_ActionResponse()
    switch response.outcome {
    case .reply(let text): message.reply = vocabulary.reply(text)
    case .forward(let id): message.forward = vocabulary.forward(id)
    case .failure(let text): message.failure = vocabulary.failure(text)
    case .none: break
    }
    message.sideEffects = response.effects.map {
      vocabulary.effect($0.target, synchronous: $0.synchronous)
    }
    return message
  }

  /// A received message in the form that is compared.
  static func canonical(
    _ response: Cloudstate_Action_ActionResponse
  ) -> Cloudstate_Action_ActionResponse {
    var response = response
    switch response.response {
    case .reply(let reply): response.reply = vocabulary.canonical(reply)
    case .forward(let forward): response.forward = vocabulary.canonical(forward)
    case .failure, nil: break
    }
    response.sideEffects = response.sideEffects.map { vocabulary.canonical($0) }
    return response
  }

  /// What a message says, in the notation; texts of replies are in quotes.
  static func describe(_ response: Cloudstate_Action_ActionResponse) -> String {
    var parts: [String] = []
    switch response.response {
    case .reply(let reply): parts.append("Reply(\(vocabulary.describe(reply)))")
    case .forward(let forward): parts.append("Fwd(\(vocabulary.describe(forward)))")
    case .failure(let failure):
      var text = "Fail(\"\(failure.description_p)\")"
      if failure.commandID != 0 { text += " of command \(failure.commandID)" }
      if failure.restart { text += " with restart" }
      parts.append(text)
    case nil: parts.append("None")
    }
    parts += response.sideEffects.map {
      "\($0.synchronous ? "eS" : "e")(\(vocabulary.describe($0)))"
    }
    return parts.joined(separator: ", ")
  }
}

extension Cloudstate_Tck_Model_Action_ProcessGroup {
  fileprivate init(_ group: ActionGroup) {
    self.init()
    steps = group.steps.map { step in
      var message = Cloudstate_Tck_Model_Action_ProcessStep()
      switch step {
      case .reply(let text): message.reply.message = text
      case .forward(let id): message.forward.id = id
      case .fail(let text): message.fail.message = text
      case .effect(let id, let synchronous):
        message.effect.id = id
        message.effect.synchronous = synchronous
      }
      return message
    }
  }
}
