import FoundationEssentials
import SwiftProtobuf

// A primitive is a message with one field, number 1, and no bytes for the default (protocol section 8).
// That is what the well-known wrappers are.

private let host = "p.cloudstate.io/"

/// The primitive `string`.
extension String: PlainPayload {
  /// `p.cloudstate.io/string`
  public static var payloadTypeURL: String { "\(host)string" }
  /// The text as field 1.
  public func payloadBytes() throws -> [UInt8] {
    try Google_Protobuf_StringValue(self).serializedBytes()
  }
  /// Field 1.
  public init(payloadBytes: [UInt8]) throws {
    self = try Google_Protobuf_StringValue(serializedBytes: payloadBytes).value
  }
}

/// The primitive `bytes`.
extension Array: Payload, PlainPayload where Element == UInt8 {
  /// `p.cloudstate.io/bytes`
  public static var payloadTypeURL: String { "\(host)bytes" }
  /// The bytes as field 1.
  public func payloadBytes() throws -> [UInt8] {
    try Google_Protobuf_BytesValue(Data(self)).serializedBytes()
  }
  /// Field 1.
  public init(payloadBytes: [UInt8]) throws {
    self = try Array(Google_Protobuf_BytesValue(serializedBytes: payloadBytes).value)
  }
}

/// The primitive `int32`.
extension Int32: PlainPayload {
  /// `p.cloudstate.io/int32`
  public static var payloadTypeURL: String { "\(host)int32" }
  /// The number as field 1.
  public func payloadBytes() throws -> [UInt8] {
    try Google_Protobuf_Int32Value(self).serializedBytes()
  }
  /// Field 1.
  public init(payloadBytes: [UInt8]) throws {
    self = try Google_Protobuf_Int32Value(serializedBytes: payloadBytes).value
  }
}

/// The primitive `int64`.
extension Int64: PlainPayload {
  /// `p.cloudstate.io/int64`
  public static var payloadTypeURL: String { "\(host)int64" }
  /// The number as field 1.
  public func payloadBytes() throws -> [UInt8] {
    try Google_Protobuf_Int64Value(self).serializedBytes()
  }
  /// Field 1.
  public init(payloadBytes: [UInt8]) throws {
    self = try Google_Protobuf_Int64Value(serializedBytes: payloadBytes).value
  }
}

/// The primitive `bool`.
extension Bool: PlainPayload {
  /// `p.cloudstate.io/bool`
  public static var payloadTypeURL: String { "\(host)bool" }
  /// The value as field 1.
  public func payloadBytes() throws -> [UInt8] {
    try Google_Protobuf_BoolValue(self).serializedBytes()
  }
  /// Field 1.
  public init(payloadBytes: [UInt8]) throws {
    self = try Google_Protobuf_BoolValue(serializedBytes: payloadBytes).value
  }
}

/// The primitive `float`. Negative zero is written as zero, which it equals.
extension Float: PlainPayload {
  /// `p.cloudstate.io/float`
  public static var payloadTypeURL: String { "\(host)float" }
  /// The number as field 1.
  public func payloadBytes() throws -> [UInt8] {
    try Google_Protobuf_FloatValue(isZero ? 0 : self).serializedBytes()
  }
  /// Field 1.
  public init(payloadBytes: [UInt8]) throws {
    self = try Google_Protobuf_FloatValue(serializedBytes: payloadBytes).value
  }
}

/// The primitive `double`. Negative zero is written as zero, which it equals.
extension Double: PlainPayload {
  /// `p.cloudstate.io/double`
  public static var payloadTypeURL: String { "\(host)double" }
  /// The number as field 1.
  public func payloadBytes() throws -> [UInt8] {
    try Google_Protobuf_DoubleValue(isZero ? 0 : self).serializedBytes()
  }
  /// Field 1.
  public init(payloadBytes: [UInt8]) throws {
    self = try Google_Protobuf_DoubleValue(serializedBytes: payloadBytes).value
  }
}
