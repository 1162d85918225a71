import CloudstateProtocol
import SwiftProtobuf

/// What the messages of a model have in common: makes those that are expected, brings those that were
/// received into the same form, and says in the notation what they mean.
struct ModelVocabulary: Sendable {
  /// The second service of the model; forwards and effects go to its method `Call`.
  let targetService: String
  /// What `Call` takes: an id.
  let request: TextPayload
  /// What all methods answer with.
  let response: TextPayload
  /// Events, snapshots and values; actions have none.
  let stored: TextPayload?

  // MARK: Expected

  func reply(_ text: String) -> Cloudstate_Reply {
    var reply = Cloudstate_Reply()
    reply.payload = response.pack(text)
    return reply
  }

  func forward(_ id: String) -> Cloudstate_Forward {
    var forward = Cloudstate_Forward()
    forward.serviceName = targetService
    forward.commandName = "Call"
    forward.payload = request.pack(id)
    return forward
  }

  func effect(_ id: String, synchronous: Bool) -> Cloudstate_SideEffect {
    var effect = Cloudstate_SideEffect()
    effect.serviceName = targetService
    effect.commandName = "Call"
    effect.payload = request.pack(id)
    effect.synchronous = synchronous
    return effect
  }

  func failure(_ text: String, commandID: Int64 = 0, restart: Bool = false) -> Cloudstate_Failure {
    var failure = Cloudstate_Failure()
    failure.commandID = commandID
    failure.description_p = text
    failure.restart = restart
    return failure
  }

  // MARK: Received

  /// A payload in the form that is compared.
  func canonical(_ any: Google_Protobuf_Any) -> Google_Protobuf_Any {
    for payload in payloads where payload.typeURL == any.typeURL { return payload.canonical(any) }
    return any
  }

  func canonical(_ reply: Cloudstate_Reply) -> Cloudstate_Reply {
    guard reply.hasPayload else { return reply }
    var reply = reply
    reply.payload = canonical(reply.payload)
    return reply
  }

  func canonical(_ forward: Cloudstate_Forward) -> Cloudstate_Forward {
    guard forward.hasPayload else { return forward }
    var forward = forward
    forward.payload = canonical(forward.payload)
    return forward
  }

  func canonical(_ effect: Cloudstate_SideEffect) -> Cloudstate_SideEffect {
    guard effect.hasPayload else { return effect }
    var effect = effect
    effect.payload = canonical(effect.payload)
    return effect
  }

  func canonical(_ action: Cloudstate_ClientAction) -> Cloudstate_ClientAction {
    var action = action
    switch action.action {
    case .reply(let reply): action.reply = canonical(reply)
    case .forward(let forward): action.forward = canonical(forward)
    case .failure, nil: break
    }
    return action
  }

  // MARK: For people

  /// The text of a stored value, or what else the payload is.
  func describe(stored any: Google_Protobuf_Any) -> String {
    stored?.text(any) ?? describe(foreign: any)
  }

  /// The text of a reply in quotes, or what else it is.
  func describe(_ reply: Cloudstate_Reply) -> String {
    let text = response.text(reply.payload).map { "\"\($0)\"" } ?? describe(foreign: reply.payload)
    return text + describe(reply.hasMetadata ? reply.metadata : nil)
  }

  /// The id of a forward, and what differs from a forward to the second service.
  func describe(_ forward: Cloudstate_Forward) -> String {
    describe(
      forward.payload, service: forward.serviceName, command: forward.commandName,
      metadata: forward.hasMetadata ? forward.metadata : nil)
  }

  /// As for a forward.
  func describe(_ effect: Cloudstate_SideEffect) -> String {
    describe(
      effect.payload, service: effect.serviceName, command: effect.commandName,
      metadata: effect.hasMetadata ? effect.metadata : nil)
  }

  /// `X1 "t"`, and what else a failure of a command says.
  func describe(_ failure: Cloudstate_Failure, commandID: Int64) -> String {
    var text = "X\(commandID) \"\(failure.description_p)\""
    if failure.restart { text += " with restart" }
    if failure.commandID != commandID { text += " (failure of command \(failure.commandID))" }
    return text
  }

  /// `se(1,2)` or `seS(1)` for each run of effects of one kind.
  func describe(_ effects: [Cloudstate_SideEffect]) -> [String] {
    var runs: [(synchronous: Bool, targets: [String])] = []
    for effect in effects {
      if runs.last?.synchronous == effect.synchronous {
        runs[runs.count - 1].targets.append(describe(effect))
      } else {
        runs.append((effect.synchronous, [describe(effect)]))
      }
    }
    return runs.map { "\($0.synchronous ? "seS" : "se")(\($0.targets.joined(separator: ",")))" }
  }

  private var payloads: [TextPayload] { [request, response] + (stored.map { [$0] } ?? []) }

  private func describe(
    _ payload: Google_Protobuf_Any, service: String, command: String,
    metadata: Cloudstate_Metadata?
  ) -> String {
    var text = request.text(payload) ?? describe(foreign: payload)
    if service != targetService || command != "Call" { text += " to \(service)/\(command)" }
    return text + describe(metadata)
  }

  private func describe(foreign any: Google_Protobuf_Any) -> String {
    any.typeURL.isEmpty ? "<no payload>" : "<\(any.typeURL), \(any.value.count) bytes>"
  }

  private func describe(_ metadata: Cloudstate_Metadata?) -> String {
    guard let metadata else { return "" }
    return " with metadata {\(metadata.entries.map(\.key).joined(separator: ", "))}"
  }
}
