import CloudstateProtocol
import FoundationEssentials
import SwiftProtobuf

/// What travels beside a message, such as request headers: an ordered list whose keys may repeat
/// (protocol section 2.2). What of it reaches a caller or a broker depends on the transport.
///
/// ```swift
/// var metadata: Metadata = ["x-request-id": "17"]
/// metadata.add([0, 1], for: "signature-bin")
/// ```
public struct Metadata: Hashable, Sendable, ExpressibleByDictionaryLiteral {
  private var entries: [Cloudstate_MetadataEntry]

  /// No metadata.
  public init() { self.entries = [] }

  /// Text values in the order written; a key may repeat.
  public init(dictionaryLiteral elements: (String, String)...) {
    self.init()
    for (key, value) in elements { add(value, for: key) }
  }

  init(_ metadata: Cloudstate_Metadata) { self.entries = metadata.entries }

  /// Whether there are no entries.
  public var isEmpty: Bool { entries.isEmpty }

  /// The keys in the order of arrival, with repetitions.
  public var keys: [String] { entries.map(\.key) }

  /// The first text value of a key. Keys are compared as they are: the transport decides about case.
  public subscript(key: String) -> String? {
    for entry in entries where entry.key == key {
      if case .stringValue(let text) = entry.value { return text }
    }
    return nil
  }

  /// The first binary value of a key.
  public func bytes(_ key: String) -> [UInt8]? {
    for entry in entries where entry.key == key {
      if case .bytesValue(let bytes) = entry.value { return Array(bytes) }
    }
    return nil
  }

  /// Adds a text value behind those of the same key.
  public mutating func add(_ value: String, for key: String) {
    var entry = Cloudstate_MetadataEntry()
    entry.key = key
    entry.stringValue = value
    entries.append(entry)
  }

  /// Adds a binary value behind those of the same key.
  public mutating func add(_ bytes: [UInt8], for key: String) {
    var entry = Cloudstate_MetadataEntry()
    entry.key = key
    entry.bytesValue = Data(bytes)
    entries.append(entry)
  }

  /// A value of an entry.
  package enum EntryValue {
    case text(String)
    case bytes([UInt8])
  }

  /// Calls `body` with each entry in order.
  package func forEach(_ body: (_ key: String, _ value: EntryValue) -> Void) {
    for entry in entries {
      switch entry.value {
      case .stringValue(let text): body(entry.key, .text(text))
      case .bytesValue(let bytes): body(entry.key, .bytes(Array(bytes)))
      case nil: continue
      }
    }
  }

  /// The message of the protocol.
  var message: Cloudstate_Metadata {
    var message = Cloudstate_Metadata()
    message.entries = entries
    return message
  }
}
