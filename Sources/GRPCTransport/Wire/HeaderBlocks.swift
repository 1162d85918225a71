import NIOCore
import NIOHPACK

/// The header blocks we send. The frequent ones are constants, shared by all calls.
enum HeaderBlocks {
  /// Initial headers of a response whose messages are not compressed.
  static let response: HPACKHeaders = [":status": "200", "content-type": "application/grpc"]
  /// Initial headers of a response that may compress its messages.
  static let gzipResponse: HPACKHeaders = [
    ":status": "200", "content-type": "application/grpc", "grpc-encoding": "gzip",
  ]
  private static let okTrailers: HPACKHeaders = ["grpc-status": "0"]

  /// Initial headers with what a handler adds.
  static func response(compressed: Bool, metadata: GRPCMetadata) -> HPACKHeaders {
    var headers = compressed ? gzipResponse : response
    headers.addCustom(metadata)
    return headers
  }

  /// The trailers of a response; with `isOnly`, a whole response without messages
  /// ("Trailers-Only").
  static func trailers(
    _ status: GRPCStatus, metadata: GRPCMetadata, isOnly: Bool
  ) -> HPACKHeaders {
    var headers = isOnly ? response : [:]
    if status.code == .ok, status.message.isEmpty {
      if !isOnly, metadata.headers.isEmpty { return okTrailers }
      headers.add(name: "grpc-status", value: "0")
    } else {
      headers.add(name: "grpc-status", value: String(status.code.rawValue))
      if !status.message.isEmpty {
        headers.add(
          name: "grpc-message", value: PercentCoding.encode(status.message), indexing: .nonIndexable
        )
      }
    }
    headers.addCustom(metadata)
    return headers
  }

  /// The answer to a request that is not gRPC.
  static func refusal(httpStatus: String, allow: String?) -> HPACKHeaders {
    var headers: HPACKHeaders = [":status": httpStatus]
    if let allow { headers.add(name: "allow", value: allow) }
    return headers
  }

  /// The answer to a gRPC request that is not served; names the encodings that are.
  static func refusal(_ status: GRPCStatus) -> HPACKHeaders {
    var headers = trailers(status, metadata: GRPCMetadata(), isOnly: true)
    headers.add(name: "grpc-accept-encoding", value: MessageEncoding.accepted)
    return headers
  }

  /// The headers of a request.
  ///
  /// - Parameter timeout: left to the call when the headers are written.
  static func request(
    scheme: String, path: String, authority: String, userAgent: String, timeout: TimeAmount?,
    compressed: Bool,
    metadata: GRPCMetadata
  ) -> HPACKHeaders {
    var headers = HPACKHeaders()
    headers.reserveCapacity(9 + metadata.headers.count)
    headers.add(name: ":method", value: "POST")
    headers.add(name: ":scheme", value: scheme)
    headers.add(name: ":path", value: path)
    headers.add(name: ":authority", value: authority)
    headers.add(name: "te", value: "trailers")
    headers.add(name: "content-type", value: "application/grpc")
    headers.add(name: "user-agent", value: userAgent)
    headers.add(name: "grpc-accept-encoding", value: MessageEncoding.accepted)
    if compressed { headers.add(name: "grpc-encoding", value: MessageEncoding.gzip.rawValue) }
    if let timeout {
      // Every value differs: kept out of the compression table, which it would only flush.
      headers.add(
        name: "grpc-timeout", value: GRPCTimeout.format(timeout), indexing: .nonIndexable)
    }
    headers.addCustom(metadata)
    return headers
  }
}

extension HPACKHeaders {
  /// Adds what a caller or handler wants to send. Left out are names the transport owns, names
  /// HTTP/2 forbids, and entries no peer would accept (illegal characters): a header block with one
  /// of those would cost the whole call.
  mutating func addCustom(_ metadata: GRPCMetadata) {
    for (name, value, indexing) in metadata.headers {
      let name = name.utf8.contains { (0x41...0x5a).contains($0) } ? name.lowercased() : name
      guard !isReserved(name), name.utf8.allSatisfy(isNameByte), value.utf8.allSatisfy(isValueByte)
      else { continue }
      add(name: name, value: value, indexing: indexing)
    }
  }

  /// These headers without pseudo headers.
  func withoutPseudoHeaders() -> HPACKHeaders {
    var custom = HPACKHeaders()
    custom.reserveCapacity(count)
    for (name, value, indexing) in self where name.utf8.first != UInt8(ascii: ":") {
      custom.add(name: name, value: value, indexing: indexing)
    }
    return custom
  }
}

private func isReserved(_ name: String) -> Bool {
  switch name {
  case "grpc-status", "grpc-message", "grpc-encoding", "grpc-accept-encoding", "grpc-timeout",
    "content-type", "content-length", "te", "user-agent", "host", "connection", "keep-alive",
    "proxy-connection", "transfer-encoding", "upgrade", "":
    true
  default:
    false
  }
}

/// "Header-Name" of gRPC over HTTP/2: digits, lower case letters, `_`, `-` and `.`.
private func isNameByte(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
    UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
    true
  default:
    false
  }
}

/// "ASCII-Value" of gRPC over HTTP/2: space and printable ASCII. Base64 of `-bin` values is within.
private func isValueByte(_ byte: UInt8) -> Bool { (0x20...0x7e).contains(byte) }
