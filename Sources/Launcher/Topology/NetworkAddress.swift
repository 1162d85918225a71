import CloudstateModel

/// A host and a port, written `HOST:PORT`, with brackets around an IPv6 address.
package struct NetworkAddress: Hashable, Sendable, CustomStringConvertible {
  package let host: String
  /// Never 0.
  package let port: UInt16

  /// The loopback address with a port.
  package static func loopback(_ port: UInt16) -> NetworkAddress {
    NetworkAddress(host: "127.0.0.1", port: port)
  }

  package init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }

  /// Reads `HOST:PORT`; `nil` for any other text.
  package init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
      port > 0
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty, !host.contains(where: { $0.isWhitespace || $0 == "/" }) else { return nil }
    self.init(host: String(host), port: port)
  }

  package var description: String {
    host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }

  /// Whether who connects to the host stays on this machine.
  package var isThisMachine: Bool { HostText.isLoopback(host) || HostText.isUnspecified(host) }
}
