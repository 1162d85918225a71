import CloudstateProtocol
import SwiftProtobuf

typealias StreamIn = Cloudstate_Eventsourced_EventSourcedStreamIn
typealias StreamOut = Cloudstate_Eventsourced_EventSourcedStreamOut

/// The messages that a sidecar sends on an entity stream.
extension Cloudstate_Eventsourced_EventSourcedStreamIn {
  static func start(
    _ entityID: String = "one", service: String = Tally.serviceName,
    snapshot: (sequence: Int64, payload: any Message)? = nil
  ) throws -> Self {
    var message = Self()
    message.init_p.serviceName = service
    message.init_p.entityID = entityID
    if let snapshot {
      message.init_p.snapshot.snapshotSequence = snapshot.sequence
      message.init_p.snapshot.snapshot = try Google_Protobuf_Any(message: snapshot.payload)
    }
    return message
  }

  static func event(_ sequence: Int64, _ payload: any Message) throws -> Self {
    var message = Self()
    message.event.sequence = sequence
    message.event.payload = try Google_Protobuf_Any(message: payload)
    return message
  }

  static func command(
    _ id: Int64, _ name: String, _ payload: any Message = Google_Protobuf_Empty(),
    entityID: String = "one", metadata: [(String, String)] = []
  ) throws -> Self {
    var message = Self()
    message.command.entityID = entityID
    message.command.id = id
    message.command.name = name
    message.command.payload = try Google_Protobuf_Any(message: payload)
    message.command.metadata.entries = metadata.map { key, value in
      .with {
        $0.key = key
        $0.stringValue = value
      }
    }
    return message
  }
}

/// A number as a command, event or snapshot of ``Tally``.
func amount(_ value: Int64) -> Google_Protobuf_Int64Value { Google_Protobuf_Int64Value(value) }
