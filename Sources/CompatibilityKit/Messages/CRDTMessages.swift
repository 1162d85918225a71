import CloudstateProtocol
import SwiftProtobuf
import TCKProtocol

/// What the model of replicated entities has for names, and its messages in the form that is compared
/// (protocol section 5.1).
enum CRDTMessages {
  typealias Input = Cloudstate_Crdt_CrdtStreamIn
  typealias Output = Cloudstate_Crdt_CrdtStreamOut
  typealias Request = Cloudstate_Tck_Model_Crdt_Request
  typealias StreamedRequest = Cloudstate_Tck_Model_Crdt_StreamedRequest
  typealias Response = Cloudstate_Tck_Model_Crdt_Response

  static let service = "cloudstate.tck.model.crdt.CrdtTckModel"
  static let configuredService = "cloudstate.tck.model.crdt.CrdtConfigured"
  static let path = "/cloudstate.crdt.Crdt/handle"
  static let httpPath = "/tck/model/crdt"
  static let vocabulary = ModelVocabulary(
    targetService: "cloudstate.tck.model.crdt.CrdtTwo",
    request: TextPayload(\Request.id), response: stateText, stored: nil)

  /// A response says no more than its state, which has a text in the notation.
  private static let stateText = TextPayload(
    Response.self,
    read: { $0.hasState ? CompatibilityKit.describe($0.state) : "" },
    write: { text in
      var response = Response()
      var scanner = NotationScanner(text)
      if !text.isEmpty, let state = try? scanner.state() { response.state = state }
      return response
    })

  /// The full name of one of the services.
  static func service(_ role: ServiceRole) -> String {
    switch role {
    case .model: service
    case .two: vocabulary.targetService
    case .configured: configuredService
    }
  }

  static func start(_ role: ServiceRole = .model, entityID: String) -> Input {
    var input = Input()
    input.init_p.serviceName = service(role)
    input.init_p.entityID = entityID
    return input
  }

  static func command(_ role: ServiceRole = .model, id: Int64, _ request: Request) -> Input {
    var input = Input()
    input.command.entityID = request.id
    input.command.id = id
    input.command.name = role.methodName
    input.command.payload = packed(request)
    return input
  }

  static func command(id: Int64, _ request: StreamedRequest) -> Input {
    var input = Input()
    input.command.entityID = request.id
    input.command.id = id
    input.command.name = "ProcessStreamed"
    input.command.payload = packed(request)
    input.command.streamed = true
    return input
  }

  static func cancellation(id: Int64, entityID: String) -> Input {
    var input = Input()
    input.streamCancelled.entityID = entityID
    input.streamCancelled.id = id
    return input
  }

  /// What the user function sent, in the form that is compared.
  static func canonical(_ output: Output) -> Output {
    var output = output
    switch output.message {
    case .reply(var reply):
      if reply.hasClientAction { reply.clientAction = vocabulary.canonical(reply.clientAction) }
      if reply.hasStateAction { reply.stateAction = canonical(reply.stateAction) }
      reply.sideEffects = reply.sideEffects.map { vocabulary.canonical($0) }
      output.reply = reply
    case .streamedMessage(var message):
      if message.hasClientAction {
        message.clientAction = vocabulary.canonical(message.clientAction)
      }
      message.sideEffects = message.sideEffects.map { vocabulary.canonical($0) }
      output.streamedMessage = message
    case .streamCancelledResponse(var response):
      if response.hasStateAction { response.stateAction = canonical(response.stateAction) }
      response.sideEffects = response.sideEffects.map { vocabulary.canonical($0) }
      output.streamCancelledResponse = response
    case .failure, nil: break
    }
    return output
  }

  private static func canonical(
    _ action: Cloudstate_Crdt_CrdtStateAction
  ) -> Cloudstate_Crdt_CrdtStateAction {
    guard case .update(let change) = action.action else { return action }
    var action = action
    action.update = change.sorted
    return action
  }

  /// What the proxy sent, in the form that is compared: without the metadata of commands (section 1.5).
  static func canonical(_ input: Input) -> Input {
    var input = input
    switch input.message {
    case .init_p(let start): if start.hasDelta { input.init_p.delta = start.delta.sorted }
    case .delta(let change): input.delta = change.sorted
    case .command(var command):
      command.clearMetadata()
      if let request = try? Request(unpackingAny: command.payload) {
        command.payload.value = packed(request).value
      } else if let request = try? StreamedRequest(unpackingAny: command.payload) {
        command.payload.value = packed(request).value
      }
      input.command = command
    case .delete, .streamCancelled, nil: break
    }
    return input
  }
}
