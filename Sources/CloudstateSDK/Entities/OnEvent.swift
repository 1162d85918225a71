public import SwiftProtobuf

/// Applies one type of event to the state, both when it is emitted and when it is replayed.
///
/// The closure must depend on the state and the event alone, and it cannot fail: whether an event may
/// happen was decided by the command that emitted it.
public struct OnEvent<Entity: EventSourcedEntity>: Sendable {
  /// Identifies the Swift type of the event.
  let eventType: ObjectIdentifier
  /// The full name of the message type, or the type URL of what is no message.
  let typeName: String
  /// The type URL that is stored.
  let typeURL: String
  /// Encodes a new event, then applies it. The event has the type named by ``eventType``.
  let record: @Sendable (any Sendable, inout Entity) throws(EntityFault) -> Google_Protobuf_Any
  /// Decodes and applies a stored event.
  let replay: @Sendable (Google_Protobuf_Any, inout Entity) throws(EntityFault) -> Void

  private init<Event: Sendable>(
    name: String, typeURL: String,
    pack: @escaping @Sendable (Event) throws(EntityFault) -> Google_Protobuf_Any,
    unpack: @escaping @Sendable (Google_Protobuf_Any) throws(EntityFault) -> Event,
    apply: @escaping @Sendable (inout Entity, Event) -> Void
  ) {
    self.eventType = ObjectIdentifier(Event.self)
    self.typeName = name
    self.typeURL = typeURL
    self.record = { (event, entity) throws(EntityFault) in
      guard let event = event as? Event else {
        throw EntityFault(
          "An event of type \(type(of: event)) reached the handler of \(Event.self).")
      }
      let payload = try pack(event)
      apply(&entity, event)
      return payload
    }
    self.replay = { (payload, entity) throws(EntityFault) in apply(&entity, try unpack(payload)) }
  }

  /// Applies events that are protobuf messages of the type `Event`.
  public init<Event: Message>(_ apply: @escaping @Sendable (inout Entity, Event) -> Void) {
    let codec = MessageCodec<Event>()
    self.init(
      name: Event.protoMessageName, typeURL: codec.typeURL,
      pack: { (event) throws(EntityFault) in try codec.pack(event) },
      unpack: { (payload) throws(EntityFault) in try codec.unpack(payload) },
      apply: apply)
  }

  /// Applies events that are no protobuf messages, such as JSON, of the type `Event`.
  public init<Event: PlainPayload>(_ apply: @escaping @Sendable (inout Entity, Event) -> Void) {
    self.init(
      name: Event.payloadTypeURL, typeURL: Event.payloadTypeURL,
      pack: { (event) throws(EntityFault) in
        try EntityFault.converting { () throws(PayloadError) in
          try Google_Protobuf_Any(encoding: event)
        }
      },
      unpack: { (payload) throws(EntityFault) in
        try EntityFault.converting { () throws(PayloadError) in try payload.payload() }
      },
      apply: apply)
  }
}
