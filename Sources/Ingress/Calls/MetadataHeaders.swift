import CloudstateModel
import GRPCTransport
import NIOHPACK

/// Between metadata entries and gRPC headers (proxy behaviour, sections 4.4 and 5).
enum MetadataHeaders {
  /// Request headers as metadata, in order, without those of the transport and without the caller's
  /// credentials. `-bin` headers become bytes.
  static func metadata(_ headers: GRPCMetadata) -> [CommandMetadata] {
    headers.headers.compactMap { name, value, _ in
      guard !isReserved(name), name != HeaderName.authorization else { return nil }
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
      // The content type is the transport's, but for bodies over HTTP whose type nothing else tells.
      guard isToken(name), name == "content-type" || !isReserved(name) else { continue }
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

  /// Says in a trailer where a command's events lie. The value differs in every answer, so it stays out of
  /// the header compression's table.
  /// Of a call with many commands, the last.
  static func set(_ commitment: Commitment, in trailers: inout GRPCMetadata) {
    trailers.headers.replaceOrAdd(
      name: HeaderName.commitment, value: commitment.headerValue, indexing: .nonIndexable)
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
