import CloudstateModel
import CloudstateProtocol
import FoundationEssentials
import NIOCore
import SwiftProtobuf

/// Between our words and the messages of `cloudstate.action.ActionProtocol` (protocol section 6), which
/// `cloudstate.function.StatelessFunction` shares (section 9.5).
struct ActionCodec {
  /// How the two services differ.
  enum Dialect: Sendable {
    case action
    /// Before protocol 0.2: no header message, every request carries service and method.
    case statelessFunction
  }

  let dialect: Dialect
  let request: ActionRequest

  /// The method of the protocol for the call's shape.
  var path: String {
    let service =
      dialect == .action
      ? "cloudstate.action.ActionProtocol" : "cloudstate.function.StatelessFunction"
    let method =
      switch request.shape {
      case .unary: "handleUnary"
      case .streamedIn: "handleStreamedIn"
      case .streamedOut: "handleStreamedOut"
      case .streamed: "handleStreamed"
      }
    return "/\(service)/\(method)"
  }

  /// The message before the first request, where there is one: names and metadata, no payload.
  var header: ByteBuffer? {
    guard dialect == .action, request.shape.hasManyRequests else { return nil }
    return named().encoded
  }

  /// One request.
  func message(_ payload: [UInt8]) -> ByteBuffer {
    var command = header == nil ? named() : Cloudstate_Action_ActionCommand()
    if !request.messageMetadata.isEmpty {
      command.metadata.entries += request.messageMetadata.map(MetadataCodec.entry)
    }
    command.payload.typeURL = request.payloadTypeURL
    command.payload.value = Data(payload)
    return command.encoded
  }

  private func named() -> Cloudstate_Action_ActionCommand {
    var command = Cloudstate_Action_ActionCommand()
    command.serviceName = request.serviceName
    command.name = request.method
    if !request.metadata.isEmpty {
      command.metadata.entries = request.metadata.map(MetadataCodec.entry)
    }
    return command
  }

  /// Reads a response.
  ///
  /// - Throws: a decoding error if the bytes are no `ActionResponse`.
  static func answer(_ buffer: ByteBuffer) throws -> CommandAnswer {
    let response = try Cloudstate_Action_ActionResponse(decoding: buffer)
    let outcome: CommandOutcome =
      switch response.response {
      case .reply(let reply): .reply(reply.hasPayload ? FunctionCallCodec.payload(reply) : nil)
      case .forward(let forward): .forward(FunctionCallCodec.call(forward))
      case .failure(let failure): .failure(failure.description_p)
      case nil: .reply(nil)
      }
    return CommandAnswer(outcome, effects: response.sideEffects.map(FunctionCallCodec.effect))
  }
}
