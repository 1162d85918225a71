import CloudstateModel
import CloudstateProtocol
import FoundationEssentials
import SwiftProtobuf

/// Between our words and what replies of every kind of entity have in common: payloads, forwards and side
/// effects (protocol section 2.3).
enum FunctionCallCodec {
  static func payload(_ reply: Cloudstate_Reply) -> ReplyPayload {
    ReplyPayload(
      typeURL: reply.payload.typeURL, value: [UInt8](reply.payload.value),
      metadata: MetadataCodec.metadata(reply.metadata))
  }

  static func call(_ forward: Cloudstate_Forward) -> FunctionCall {
    FunctionCall(
      serviceName: forward.serviceName, method: forward.commandName,
      payloadTypeURL: forward.payload.typeURL, payload: [UInt8](forward.payload.value),
      metadata: MetadataCodec.metadata(forward.metadata))
  }

  static func action(_ action: Cloudstate_ClientAction) -> FunctionAction {
    switch action.action {
    case .reply(let reply):
      guard reply.hasPayload else { return .reply(nil) }
      return .reply(payload(reply))
    case .forward(let forward):
      return .forward(call(forward))
    case .failure(let failure):
      return .failure(description: failure.description_p, restart: failure.restart)
    case nil:
      return .reply(nil)
    }
  }

  static func effect(_ effect: Cloudstate_SideEffect) -> SideEffect {
    SideEffect(
      FunctionCall(
        serviceName: effect.serviceName, method: effect.commandName,
        payloadTypeURL: effect.payload.typeURL, payload: [UInt8](effect.payload.value),
        metadata: MetadataCodec.metadata(effect.metadata)),
      isSynchronous: effect.synchronous)
  }
}

/// Between metadata and `cloudstate.Metadata` (protocol section 2.2).
enum MetadataCodec {
  static func metadata(_ metadata: Cloudstate_Metadata) -> [CommandMetadata] {
    metadata.entries.compactMap { entry in
      switch entry.value {
      case .stringValue(let text): CommandMetadata(key: entry.key, value: .text(text))
      case .bytesValue(let bytes):
        CommandMetadata(key: entry.key, value: .bytes([UInt8](bytes)))
      case nil: nil
      }
    }
  }

  static func entry(_ entry: CommandMetadata) -> Cloudstate_MetadataEntry {
    var message = Cloudstate_MetadataEntry()
    message.key = entry.key
    switch entry.value {
    case .text(let text): message.stringValue = text
    case .bytes(let bytes): message.bytesValue = Data(bytes)
    }
    return message
  }
}
