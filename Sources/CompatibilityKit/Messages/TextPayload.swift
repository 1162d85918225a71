import FoundationEssentials
import SwiftProtobuf

/// A message type of a model that says no more than one text, as it travels in an `Any`.
struct TextPayload: Sendable {
  let typeURL: String
  let pack: @Sendable (String) -> Google_Protobuf_Any
  /// The text; `nil` if the payload is another message, or says more than a text.
  let text: @Sendable (Google_Protobuf_Any) -> String?
  /// The same message as our serializer writes it: payloads are compared by what they say, since
  /// serializers differ (section 1.5). What is not such a message stays as it is.
  let canonical: @Sendable (Google_Protobuf_Any) -> Google_Protobuf_Any

  init<Payload: Message & Equatable>(_ property: any WritableKeyPath<Payload, String> & Sendable) {
    self.init(Payload.self, read: { $0[keyPath: property] }) { text in
      Payload.with { $0[keyPath: property] = text }
    }
  }

  /// - Parameters:
  ///   - text: What a message says, in words.
  ///   - write: A message that says this.
  init<Payload: Message & Equatable>(
    _: Payload.Type, read text: @escaping @Sendable (Payload) -> String,
    write: @escaping @Sendable (String) -> Payload
  ) {
    let typeURL = "type.googleapis.com/\(Payload.protoMessageName)"
    let read: @Sendable (Google_Protobuf_Any) -> Payload? = { any in
      any.typeURL == typeURL ? try? Payload(serializedBytes: any.value) : nil
    }
    self.typeURL = typeURL
    pack = { packed(write($0)) }
    self.text = { any in
      guard let message = read(any) else { return nil }
      let words = text(message)
      return message == write(words) ? words : nil
    }
    canonical = { any in read(any).map { packed($0) } ?? any }
  }
}

/// A message with the type URL that the protocol wants.
func packed(_ message: some Message) -> Google_Protobuf_Any {
  var any = Google_Protobuf_Any()
  any.typeURL = "type.googleapis.com/\(type(of: message).protoMessageName)"
  // Fails only for unset required fields, which proto3 does not have.
  any.value = (try? message.serializedData()) ?? Data()
  return any
}
