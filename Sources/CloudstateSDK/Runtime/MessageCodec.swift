import SwiftProtobuf

/// The only type URL host that writers use (protocol section 8).
private let typeURLPrefix = "type.googleapis.com/"

/// The type URL with the standard host: what follows the last `/` is the message's full name, and
/// readers tolerate other hosts (protocol section 8).
func canonicalTypeURL(_ url: String) -> String {
  guard let slash = url.utf8.lastIndex(of: UInt8(ascii: "/")) else { return typeURLPrefix + url }
  return typeURLPrefix + url[url.utf8.index(after: slash)...]
}

/// A message whose type is not known where it is sent, in `google.protobuf.Any`.
func packed(_ message: any Message) throws(EntityFault) -> Google_Protobuf_Any {
  func pack<Payload: Message>(_ message: Payload) throws(EntityFault) -> Google_Protobuf_Any {
    try MessageCodec<Payload>().pack(message)
  }
  return try pack(message)
}

/// Puts messages of one type into `google.protobuf.Any` and takes them out. The URL is made once:
/// this runs for every command and event.
struct MessageCodec<Payload: Message>: Sendable {
  /// The standard host and the full name of the type.
  let typeURL = typeURLPrefix + Payload.protoMessageName

  /// Encodes at once; `Any` itself would encode lazily, and then twice.
  func pack(_ message: Payload) throws(EntityFault) -> Google_Protobuf_Any {
    var packed = Google_Protobuf_Any()
    packed.typeURL = typeURL
    do {
      packed.value = try message.serializedBytes()
    } catch {
      throw EntityFault("A \(Payload.protoMessageName) could not be encoded: \(error).")
    }
    return packed
  }

  /// Decodes; an ``EntityFault`` names another type or unreadable bytes.
  func unpack(_ packed: Google_Protobuf_Any) throws(EntityFault) -> Payload {
    // A method that takes any payload is given it as it is (proxy behaviour section 11.2).
    if packed.typeURL != typeURL, let payload = packed as? Payload { return payload }
    guard packed.typeURL == typeURL || canonicalTypeURL(packed.typeURL) == typeURL else {
      throw EntityFault("Expected \(Payload.protoMessageName) but got type '\(packed.typeURL)'.")
    }
    do {
      return try Payload(serializedBytes: packed.value)
    } catch {
      throw EntityFault("The bytes of a \(Payload.protoMessageName) could not be read: \(error).")
    }
  }
}
