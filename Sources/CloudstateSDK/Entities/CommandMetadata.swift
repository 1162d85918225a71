import CloudstateProtocol
import SwiftProtobuf

/// The transport metadata of a command, such as request headers: an ordered list whose keys may
/// repeat (protocol section 2.2).
public struct CommandMetadata: Sendable {
  private let entries: [Cloudstate_MetadataEntry]

  /// No metadata.
  public init() { self.entries = [] }

  init(_ metadata: Cloudstate_Metadata) { self.entries = metadata.entries }

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
}
