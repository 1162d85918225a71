import NIOCore
import NIOHPACK

@testable import GRPCTransport
@testable import Ingress

extension FuzzTarget {
  /// The values of gRPC's headers, and whole header lists: texts with a zero byte behind each.
  static let headerValues = FuzzTarget("header-values") { input in
    var input = input
    let text = input.text()
    try timeout(text)
    try percent(text)
    try base64(text)
    _ = MessageEncoding.acceptsGzip(text)
    _ = isGRPCContentType(text)
    _ = HTTPRefusal.forContentType(text, isHTTP2: true)
    _ = HTTPBodyBound(maximumMessageBytes: 100, contentType: text, accept: text)
      .refusal(contentLength: text)
    var headers = HPACKHeaders()
    headers.add(name: ":method", value: "POST")
    headers.add(name: ":path", value: text)
    let names = ["content-type", "grpc-timeout", "grpc-encoding", "grpc-accept-encoding"]
    while !input.isEmpty {
      let choice = Int(input.byte())
      let name = choice < names.count ? names[choice] : input.text()
      let value = input.text()
      // No header list of either protocol has another name.
      guard name.utf8.allSatisfy({ $0 < 0x80 }) else { continue }
      headers.add(name: name, value: value)
    }
    _ = try? RequestHeaders(headers)
    try metadata(headers)
  }

  private static func timeout(_ text: String) throws {
    guard let timeout = GRPCTimeout.parse(text) else { return }
    try demand(timeout >= .zero && timeout <= GRPCTimeout.longest, "the timeout \(timeout)")
    let again = GRPCTimeout.parse(GRPCTimeout.format(timeout))
    try demand(again.map { $0 >= timeout } ?? false, "\(text) became \(String(describing: again))")
  }

  private static func percent(_ text: String) throws {
    let encoded = PercentCoding.encode(text)
    try demand(
      encoded.utf8.count <= PercentCoding.maximumEncodedBytes, "\(encoded.utf8.count) bytes")
    try demand(encoded.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f }, "'\(encoded)'")
    if text.utf8.count * 3 <= PercentCoding.maximumEncodedBytes {
      try demand(
        PercentCoding.decode(encoded).utf8.elementsEqual(text.utf8), "'\(text)' became \(encoded)")
    }
    _ = PercentCoding.decode(text)
  }

  private static func base64(_ text: String) throws {
    let bytes = Array(text.utf8)
    try demand(Base64.decode(Base64.encode(bytes)) == bytes, "\(bytes) in base64")
    guard let decoded = Base64.decode(text) else { return }
    try demandEqual(Base64.decode(Base64.encode(decoded)), decoded, "base64 of '\(text)'")
  }

  /// What may be sent on as metadata must be fit for a header list again.
  private static func metadata(_ headers: HPACKHeaders) throws {
    var sent = HPACKHeaders()
    sent.addCustom(GRPCMetadata(headers))
    for (name, value, _) in sent {
      try demand(!name.isEmpty && !name.hasPrefix(":"), "the header name '\(name)'")
      try demand(
        (name + value).utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f }, "the header \(name): \(value)")
    }
    let metadata = MetadataHeaders.metadata(GRPCMetadata(headers))
    for (name, _, _) in MetadataHeaders.headers(metadata).headers {
      try demand(!name.isEmpty && !name.hasPrefix("grpc-"), "the metadata '\(name)'")
    }
  }
}
