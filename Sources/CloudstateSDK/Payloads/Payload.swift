import FoundationEssentials
public import SwiftProtobuf

/// What can be an element of a set, a key of a map, the value of a register: a protobuf message, a
/// primitive such as `String` or `Int64`, or JSON (protocol section 8).
///
/// A generated message becomes one by declaring it, and needs nothing else:
///
/// ```swift
/// extension Friend: Payload {}
/// ```
///
/// Elements and keys are the same exactly if their bytes are. So the bytes of equal values must be
/// equal, in all programs that share the data and for as long as it lives.
public protocol Payload: Sendable {
  /// The type URL that is written.
  static var payloadTypeURL: String { get }

  /// Whether bytes with this type URL can be read. Default: exactly ``payloadTypeURL``; messages
  /// tolerate other hosts.
  static func canRead(payloadTypeURL url: String) -> Bool

  /// The bytes of the value.
  func payloadBytes() throws -> [UInt8]

  /// Reads the bytes of a value.
  init(payloadBytes: [UInt8]) throws
}

/// A ``Payload`` that is no protobuf message: a primitive, or JSON (``JSONPayload``).
public protocol PlainPayload: Payload {}

/// A payload that cannot be read or written, or a change that does not fit the value it is for.
public struct PayloadError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public let description: String

  /// An error with a text for the logs.
  public init(_ description: String) { self.description = description }
}

extension Payload {
  /// Only what is written.
  public static func canRead(payloadTypeURL url: String) -> Bool { url == payloadTypeURL }
}

extension Payload where Self: Message {
  /// The standard host and the full name of the message.
  public static var payloadTypeURL: String { canonicalTypeURL(protoMessageName) }

  /// Whatever host it names.
  public static func canRead(payloadTypeURL url: String) -> Bool {
    url == payloadTypeURL || canonicalTypeURL(url) == payloadTypeURL
  }

  /// The message with the entries of maps in a fixed order.
  public func payloadBytes() throws -> [UInt8] {
    var options = BinaryEncodingOptions()
    options.useDeterministicOrdering = true
    return try serializedBytes(options: options)
  }

  /// Decodes the message.
  public init(payloadBytes: [UInt8]) throws { try self.init(serializedBytes: payloadBytes) }
}

extension Google_Protobuf_Any {
  /// Any payload in its envelope.
  init(encoding payload: some Payload) throws(PayloadError) {
    self.init()
    typeURL = type(of: payload).payloadTypeURL
    do {
      value = Data(try payload.payloadBytes())
    } catch {
      throw PayloadError("A \(type(of: payload)) could not be encoded: \(error)")
    }
  }

  /// Takes a payload of any kind out, such as the JSON of an event. Throws ``PayloadError`` for a payload
  /// of another type and for unreadable bytes.
  public func payload<Value: Payload>(_ type: Value.Type = Value.self) throws(PayloadError) -> Value
  {
    guard Value.canRead(payloadTypeURL: typeURL) else {
      throw PayloadError("Expected \(Value.payloadTypeURL) but got type '\(typeURL)'.")
    }
    do {
      return try Value(payloadBytes: Array(value))
    } catch {
      throw PayloadError("The bytes of a \(Value.self) could not be read: \(error)")
    }
  }
}
