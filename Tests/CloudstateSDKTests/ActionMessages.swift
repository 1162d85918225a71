import CloudstateProtocol
import SwiftProtobuf

@testable import CloudstateSDK

typealias ActionIn = Cloudstate_Action_ActionCommand
typealias ActionOut = Cloudstate_Action_ActionResponse

/// The messages that a sidecar sends in a call of an action.
extension Cloudstate_Action_ActionCommand {
  /// The one command of a call that does not stream requests.
  static func call(
    _ name: String, _ payload: any Message, service: String = Relay.serviceName,
    metadata: Metadata = Metadata()
  ) throws -> Self {
    var command = header(name, service: service, metadata: metadata)
    command.payload = try Google_Protobuf_Any(message: payload)
    return command
  }

  /// The first message of a call that streams requests.
  static func header(
    _ name: String, service: String = Relay.serviceName, metadata: Metadata = Metadata()
  ) -> Self {
    var command = Self()
    command.serviceName = service
    command.name = name
    if !metadata.isEmpty { command.metadata = metadata.message }
    return command
  }

  /// A later message of a call that streams requests.
  static func request(_ payload: any Message, metadata: Metadata = Metadata()) throws -> Self {
    var command = Self()
    command.payload = try Google_Protobuf_Any(message: payload)
    if !metadata.isEmpty { command.metadata = metadata.message }
    return command
  }
}

extension Cloudstate_Action_ActionResponse {
  /// The text of a reply; says what else it is otherwise.
  var text: String {
    switch response {
    case .reply(let reply):
      (try? Google_Protobuf_StringValue(unpackingAny: reply.payload).value) ?? reply.payload.typeURL
    case .forward(let forward): "-> \(forward.serviceName)/\(forward.commandName)"
    case .failure(let failure): "! \(failure.description_p)"
    case nil: "nothing"
    }
  }
}
