import CloudstateModel
import GRPCTransport
import NIOHPACK

/// Between metadata entries and gRPC headers (proxy behaviour, sections 4.4 and 5).
enum MetadataHeaders {
  /// Request headers as metadata, in order, without those of the transport. `-bin` headers become bytes.
  static func metadata(_ headers: GRPCMetadata) -> [CommandMetadata] {
    headers.headers.compactMap { name, value, _ in
      guard !isReserved(name) else { return nil }
      guard name.hasSuffix("-bin") else { return CommandMetadata(key: name, value: .text(value)) }
      return Base64.decode(value).map { CommandMetadata(key: name, value: .bytes($0)) }
    }
  }

  /// Reply metadata as response headers. Entries that a header cannot carry are dropped: the protocol allows
  /// it, and a broken header would break the whole answer.
  static func headers(_ metadata: [CommandMetadata]) -> GRPCMetadata {
    var headers = GRPCMetadata()
    for entry in metadata {
      let name = entry.key.lowercased()
      guard isToken(name), !isReserved(name) else { continue }
      switch entry.value {
      case .text(let text):
        guard !name.hasSuffix("-bin"), text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) else {
          continue
        }
        headers.add(name, text)
      case .bytes(let bytes):
        headers.add(name.hasSuffix("-bin") ? name : name + "-bin", Base64.encode(bytes))
      }
    }
    return headers
  }

  /// Says in trailers where a command's events lie. The values differ in every answer, so they stay out of the
  /// header compression's table.
  static func add(_ commitment: Commitment, to trailers: inout GRPCMetadata) {
    func add(_ name: String, _ value: String) {
      trailers.headers.add(name: name, value: value, indexing: .nonIndexable)
    }
    add(HeaderName.shard, String(commitment.shard))
    if commitment.eventCount > 0 {
      add(HeaderName.position, String(commitment.position.number))
      add(HeaderName.epoch, String(commitment.epoch.number))
      add(HeaderName.firstSequence, String(commitment.firstSequence.number))
      add(HeaderName.eventCount, String(commitment.eventCount))
    }
    if commitment.isDuplicate { add(HeaderName.duplicate, "true") }
  }

  private static func isReserved(_ name: String) -> Bool {
    name.hasPrefix(":") || name.hasPrefix("grpc-") || reserved.contains(name)
  }

  private static let reserved: Set<String> = [
    "content-type", "content-length", "te", "connection", "transfer-encoding", "upgrade",
    "keep-alive", "host",
  ]

  private static func isToken(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
          UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
          true
        default: false
        }
      }
  }
}
