package import CloudstateModel
import CloudstateProtocol
import FoundationEssentials
package import NIOCore
package import ShardStore
import SwiftProtobuf

/// Between our words and the messages of `cloudstate.eventsourced.EventSourced` (protocol section 3).
package enum FunctionCodec {
  /// The path of the entity stream.
  package static let handlePath = "/cloudstate.eventsourced.EventSourced/handle"

  package static func initMessage(
    serviceName: String, entityID: String, snapshot: StoredSnapshot?
  ) -> ByteBuffer {
    var initial = Cloudstate_Eventsourced_EventSourcedInit()
    initial.serviceName = serviceName
    initial.entityID = entityID
    if let snapshot {
      initial.snapshot.snapshotSequence = snapshot.sequence.number
      initial.snapshot.snapshot = any(snapshot.payload)
    }
    return encode(.init_p(initial))
  }

  package static func eventMessage(_ event: StoredEvent) -> ByteBuffer {
    var message = Cloudstate_Eventsourced_EventSourcedEvent()
    message.sequence = event.sequence.number
    message.payload = any(event.payload)
    return encode(.event(message))
  }

  /// - Parameter passesMetadata: whether the client's headers reach the function; the reference never
  ///   passes them to stateful entities (proxy behaviour, section 5).
  package static func commandMessage(
    id: Int64, _ command: EntityCommand, passesMetadata: Bool
  ) -> ByteBuffer {
    guard passesMetadata, !command.metadata.isEmpty else { return plainCommand(id: id, command) }
    var message = Cloudstate_Command()
    message.entityID = command.entity.entityID
    message.id = id
    message.name = command.method
    message.payload = any(
      OpaquePayload(typeURL: command.payloadTypeURL, value: command.payload))
    message.metadata.entries = command.metadata.map { entry in
      var encoded = Cloudstate_MetadataEntry()
      encoded.key = entry.key
      switch entry.value {
      case .text(let text): encoded.stringValue = text
      case .bytes(let bytes): encoded.bytesValue = Data(bytes)
      }
      return encoded
    }
    return encode(.command(message))
  }

  /// A command without metadata, written field by field: it is on the way of every command.
  private static func plainCommand(id: Int64, _ command: EntityCommand) -> ByteBuffer {
    typealias Writer = ProtobufWriter
    let number = UInt64(bitPattern: id)
    let payloadBytes =
      Writer.size(ofField: command.payloadTypeURL.utf8.count)
      + Writer.size(ofField: command.payload.count)
    let commandBytes =
      Writer.size(ofField: command.entity.entityID.utf8.count)
      + (number == 0 ? 0 : 1 + Writer.size(of: number))
      + Writer.size(ofField: command.method.utf8.count) + Writer.size(ofMessage: payloadBytes)
    var writer = Writer(capacity: Writer.size(ofMessage: commandBytes))
    writer.beginMessage(length: commandBytes, field: 3)
    writer.write(command.entity.entityID, field: 1)
    writer.write(number, field: 2)
    writer.write(command.method, field: 3)
    writer.beginMessage(length: payloadBytes, field: 4)
    writer.write(command.payloadTypeURL, field: 1)
    writer.write(command.payload, field: 2)
    return writer.buffer
  }

  /// Reads what the function sent.
  ///
  /// - Throws: a decoding error if the bytes are not an `EventSourcedStreamOut`.
  package static func decode(_ buffer: ByteBuffer) throws -> FunctionMessage {
    if let usual = FunctionReplyReader.read(buffer) { return .reply(usual) }
    let out = try Cloudstate_Eventsourced_EventSourcedStreamOut(decoding: buffer)
    switch out.message {
    case .reply(let reply): return .reply(functionReply(reply))
    case .failure(let failure):
      return .failure(commandID: failure.commandID, description: failure.description_p)
    case nil: return .empty
    }
  }

  private static func functionReply(
    _ reply: Cloudstate_Eventsourced_EventSourcedReply
  ) -> FunctionReply {
    FunctionReply(
      commandID: reply.commandID, action: action(reply.clientAction),
      events: reply.events.map(opaque),
      snapshot: reply.hasSnapshot ? opaque(reply.snapshot) : nil,
      sideEffects: reply.sideEffects.map { "\($0.serviceName).\($0.commandName)" })
  }

  private static func action(_ action: Cloudstate_ClientAction) -> FunctionAction {
    switch action.action {
    case .reply(let reply):
      guard reply.hasPayload else { return .reply(nil) }
      return .reply(
        ReplyPayload(
          typeURL: reply.payload.typeURL, value: [UInt8](reply.payload.value),
          metadata: reply.metadata.entries.compactMap(metadata)))
    case .forward(let forward):
      return .forward(target: "\(forward.serviceName).\(forward.commandName)")
    case .failure(let failure):
      return .failure(description: failure.description_p, restart: failure.restart)
    case nil:
      return .reply(nil)
    }
  }

  private static func metadata(_ entry: Cloudstate_MetadataEntry) -> CommandMetadata? {
    switch entry.value {
    case .stringValue(let text): CommandMetadata(key: entry.key, value: .text(text))
    case .bytesValue(let bytes): CommandMetadata(key: entry.key, value: .bytes([UInt8](bytes)))
    case nil: nil
    }
  }

  private static func any(_ payload: OpaquePayload) -> Google_Protobuf_Any {
    var any = Google_Protobuf_Any()
    any.typeURL = payload.typeURL
    any.value = Data(payload.value)
    return any
  }

  private static func opaque(_ any: Google_Protobuf_Any) -> OpaquePayload {
    OpaquePayload(typeURL: any.typeURL, value: [UInt8](any.value))
  }

  private static func encode(
    _ message: Cloudstate_Eventsourced_EventSourcedStreamIn.OneOf_Message
  ) -> ByteBuffer {
    var out = Cloudstate_Eventsourced_EventSourcedStreamIn()
    out.message = message
    return out.encoded
  }
}
