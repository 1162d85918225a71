public import SwiftProtobuf

/// Applies one type of event to the state, both when it is emitted and when it is replayed.
///
/// The closure must depend on the state and the event alone, and it cannot fail: whether an event may
/// happen was decided by the command that emitted it.
public struct OnEvent<Entity: EventSourcedEntity>: Sendable {
  /// Identifies the Swift type of the event.
  let eventType: ObjectIdentifier
  /// The full name of the message type.
  let typeName: String
  /// `type.googleapis.com/` and the full name of the message type.
  let typeURL: String
  /// Encodes a new event, then applies it. The event has the type named by ``eventType``.
  let record: @Sendable (any Message, inout Entity) throws(EntityFault) -> Google_Protobuf_Any
  /// Decodes and applies a stored event.
  let replay: @Sendable (Google_Protobuf_Any, inout Entity) throws(EntityFault) -> Void

  /// Applies events of the type `Event`.
  public init<Event: Message>(_ apply: @escaping @Sendable (inout Entity, Event) -> Void) {
    let codec = MessageCodec<Event>()
    self.eventType = ObjectIdentifier(Event.self)
    self.typeName = Event.protoMessageName
    self.typeURL = codec.typeURL
    self.record = { (message, entity) throws(EntityFault) in
      guard let event = message as? Event else {
        throw EntityFault(
          "An event of type \(type(of: message)) reached the handler of \(Event.self).")
      }
      let payload = try codec.pack(event)
      apply(&entity, event)
      return payload
    }
    self.replay = { (payload, entity) throws(EntityFault) in
      apply(&entity, try codec.unpack(payload))
    }
  }
}
