import FoundationEssentials
import SwiftProtobuf

/// A value that is stored and sent as JSON, for events that programs without its `.proto` read as well.
///
/// ```swift
/// struct Renamed: JSONPayload {
///   var name: String
/// }
/// ```
///
/// It is written with sorted keys and without white space, so that equal values have equal bytes.
public protocol JSONPayload: PlainPayload, Codable {
  /// What follows `json.cloudstate.io/` in the type URL. Default: the name of the Swift type.
  static var jsonTypeName: String { get }
}

private let host = "json.cloudstate.io/"

extension JSONPayload {
  /// The name of the Swift type.
  public static var jsonTypeName: String { "\(Self.self)" }

  /// `json.cloudstate.io/` and ``jsonTypeName``.
  public static var payloadTypeURL: String { host + jsonTypeName }

  /// Any JSON: each library chooses its own names of types (protocol section 8).
  public static func canRead(payloadTypeURL url: String) -> Bool { url.hasPrefix(host) }

  /// The JSON text as field 1 of a message.
  public func payloadBytes() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try Google_Protobuf_BytesValue(encoder.encode(self)).serializedBytes()
  }

  /// Decodes the JSON text.
  public init(payloadBytes: [UInt8]) throws {
    let text = try Google_Protobuf_BytesValue(serializedBytes: payloadBytes).value
    self = try JSONDecoder().decode(Self.self, from: text)
  }
}
