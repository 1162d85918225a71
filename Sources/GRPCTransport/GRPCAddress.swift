/// Where a gRPC server listens or a client connects to.
package enum GRPCAddress: Hashable, Sendable, CustomStringConvertible {
  /// A host name or IP address (IPv6 without brackets) and a port; port 0 lets the system choose
  /// one.
  case tcp(host: String, port: Int)
  case unixDomainSocket(path: String)

  /// The longest path the kernel takes (`sun_path` of `sockaddr_un`, less the terminating zero).
  private static let maximumSocketPathBytes = 107

  /// Reads `127.0.0.1:9000`, `localhost:9000`, `[::1]:9000`, `unix:/path` and `unix:///path`;
  /// `nil` for anything else, such as a missing port or an IPv6 address without brackets.
  package init?(_ text: String) {
    if text.hasPrefix("unix:") {
      var path = text.dropFirst("unix:".count)
      if path.hasPrefix("//") { path = path.dropFirst(2) }
      guard !path.isEmpty, path.utf8.count <= Self.maximumSocketPathBytes else { return nil }
      self = .unixDomainSocket(path: String(path))
      return
    }
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let port = UInt16(digits)
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
      guard host.contains(":") else { return nil }
    } else if host.contains(where: { $0 == ":" || $0 == "[" || $0 == "]" }) {
      return nil
    }
    guard !host.isEmpty, !host.contains(where: \.isWhitespace), !host.contains("/") else {
      return nil
    }
    self = .tcp(host: String(host), port: Int(port))
  }

  /// The form ``init(_:)`` reads.
  package var description: String {
    switch self {
    case .tcp(let host, let port):
      host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unixDomainSocket(let path):
      "unix:\(path)"
    }
  }

  /// The `:authority` of requests (RFC 9113, 8.3.1). A socket file has no host; C-core sends
  /// "localhost" there too.
  var authority: String {
    switch self {
    case .tcp: description
    case .unixDomainSocket: "localhost"
    }
  }
}
