package import CloudstateModel
import CloudstateProtocol
import FoundationEssentials
package import NIOCore
package import ShardStore
import SwiftProtobuf

/// Between our words and the messages of the entity streams: `cloudstate.eventsourced.EventSourced` and
/// `cloudstate.valueentity.ValueEntity` (protocol sections 3 and 4).
package enum FunctionCodec {
  /// The path of the entity stream.
  package static func handlePath(_ kind: StatefulKind) -> String {
    switch kind {
    case .eventSourced: "/cloudstate.eventsourced.EventSourced/handle"
    case .value: "/cloudstate.valueentity.ValueEntity/handle"
    }
  }

  /// - Parameter snapshot: for value entities the value; a deleted one has no type.
  package static func initMessage(
    _ kind: StatefulKind, serviceName: String, entityID: String, snapshot: StoredSnapshot?
  ) -> ByteBuffer {
    switch kind {
    case .eventSourced:
      var initial = Cloudstate_Eventsourced_EventSourcedInit()
      initial.serviceName = serviceName
      initial.entityID = entityID
      if let snapshot {
        initial.snapshot.snapshotSequence = snapshot.sequence.number
        initial.snapshot.snapshot = any(snapshot.payload)
      }
      return encode(.init_p(initial))
    case .value:
      var initial = Cloudstate_Valueentity_ValueEntityInit()
      initial.serviceName = serviceName
      initial.entityID = entityID
      // Always there, also when there is no value.
      initial.state = .init()
      if let snapshot, snapshot.payload != ValueChange.deletedState {
        initial.state.value = any(snapshot.payload)
      }
      var out = Cloudstate_Valueentity_ValueEntityStreamIn()
      out.init_p = initial
      return out.encoded
    }
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
    _ kind: StatefulKind, id: Int64, _ command: EntityCommand, passesMetadata: Bool
  ) -> ByteBuffer {
    guard passesMetadata, !command.metadata.isEmpty else {
      return plainCommand(kind, id: id, command)
    }
    var message = Cloudstate_Command()
    message.entityID = command.entity.entityID
    message.id = id
    message.name = command.method
    message.payload = any(
      OpaquePayload(typeURL: command.payloadTypeURL, value: command.payload))
    message.metadata.entries = command.metadata.map(MetadataCodec.entry)
    switch kind {
    case .eventSourced: return encode(.command(message))
    case .value:
      var out = Cloudstate_Valueentity_ValueEntityStreamIn()
      out.command = message
      return out.encoded
    }
  }

  /// A command without metadata, written field by field: it is on the way of every command.
  private static func plainCommand(
    _ kind: StatefulKind, id: Int64, _ command: EntityCommand
  ) -> ByteBuffer {
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
    // `command` in the oneof of the stream's messages.
    writer.beginMessage(length: commandBytes, field: kind == .eventSourced ? 3 : 2)
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
  /// - Throws: a decoding error if the bytes are not a message of such a stream.
  package static func decode(
    _ buffer: ByteBuffer, of kind: StatefulKind
  ) throws -> FunctionMessage {
    switch kind {
    case .eventSourced:
      if let usual = FunctionReplyReader.read(buffer) { return .reply(usual) }
      let out = try Cloudstate_Eventsourced_EventSourcedStreamOut(decoding: buffer)
      switch out.message {
      case .reply(let reply): return .reply(functionReply(reply))
      case .failure(let failure): return .failure(failure)
      case nil: return .empty
      }
    case .value:
      let out = try Cloudstate_Valueentity_ValueEntityStreamOut(decoding: buffer)
      switch out.message {
      case .reply(let reply): return functionMessage(reply)
      case .failure(let failure): return .failure(failure)
      case nil: return .empty
      }
    }
  }

  private static func functionReply(
    _ reply: Cloudstate_Eventsourced_EventSourcedReply
  ) -> FunctionReply {
    FunctionReply(
      commandID: reply.commandID, action: FunctionCallCodec.action(reply.clientAction),
      events: reply.events.map(opaque),
      snapshot: reply.hasSnapshot ? opaque(reply.snapshot) : nil,
      sideEffects: reply.sideEffects.map(FunctionCallCodec.effect))
  }

  /// A change of the value is one event that carries the new value, and the same as snapshot.
  private static func functionMessage(
    _ reply: Cloudstate_Valueentity_ValueEntityReply
  ) -> FunctionMessage {
    var answer = FunctionReply(
      commandID: reply.commandID, action: FunctionCallCodec.action(reply.clientAction),
      sideEffects: reply.sideEffects.map(FunctionCallCodec.effect))
    // Only event sourced entities are restarted (proxy behaviour, section 8).
    if case .failure(let description, restart: true) = answer.action {
      answer.action = .failure(description: description, restart: false)
    }
    guard reply.hasStateAction else { return .reply(answer) }
    switch reply.stateAction.action {
    case .update(let update) where update.hasValue:
      answer.events = [opaque(update.value)]
      answer.snapshot = answer.events[0]
    case .delete:
      answer.events = [ValueChange.deletion]
      answer.snapshot = ValueChange.deletedState
    case .update, nil:
      return .failure(
        commandID: reply.commandID, description: "the state action holds no change of the value")
    }
    return .reply(answer)
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

/// How the deletion of a value is stored.
package enum ValueChange {
  /// As an event: a message without content, which no value of an entity is likely to be.
  package static let deletion = OpaquePayload(
    typeURL: "type.googleapis.com/google.protobuf.Empty", value: [])
  /// As the state afterwards: a payload without a type, which no value is.
  package static let deletedState = OpaquePayload(typeURL: "", value: [])
}

extension FunctionMessage {
  fileprivate static func failure(_ failure: Cloudstate_Failure) -> FunctionMessage {
    .failure(commandID: failure.commandID, description: failure.description_p)
  }
}
