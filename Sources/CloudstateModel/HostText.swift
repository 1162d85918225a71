/// What the text of a host says about where it is: a name, or an address of IPv4 (four decimal numbers) or IPv6
/// (RFC 4291, 2.2), which may be in brackets. Names are not looked up.
package enum HostText {
  /// Whether the host is this machine, for itself alone: `localhost` (RFC 6761, 6.3), 127.0.0.0/8 (RFC 1122, 3.2.1.3),
  /// `::1` (RFC 4291, 2.5.3), or such an IPv4 address mapped into IPv6.
  package static func isLoopback(_ host: String) -> Bool {
    let host = withoutBrackets(host)
    if host.lowercased() == "localhost" { return true }
    if let bytes = ipv4(host) { return bytes[0] == 127 }
    guard let groups = ipv6(host) else { return false }
    if groups == [0, 0, 0, 0, 0, 0, 0, 1] { return true }
    return groups.starts(with: [0, 0, 0, 0, 0, 0xffff]) && groups[6] >> 8 == 127
  }

  /// Whether the host stands for no address in particular, `0.0.0.0` or `::`: all of the machine for who listens,
  /// the machine itself for who connects.
  package static func isUnspecified(_ host: String) -> Bool {
    let host = withoutBrackets(host)
    return ipv4(host)?.allSatisfy { $0 == 0 } ?? ipv6(host)?.allSatisfy { $0 == 0 } ?? false
  }

  /// The host of `HOST:PORT`, behind a scheme or without one.
  package static func host(of address: some StringProtocol) -> String {
    let start = address.firstRange(of: "://")?.upperBound ?? address.startIndex
    let host = address[start...]
    return String(host.lastIndex(of: ":").map { host[..<$0] } ?? host)
  }

  private static func withoutBrackets(_ host: String) -> Substring {
    host.hasPrefix("[") && host.hasSuffix("]") ? host.dropFirst().dropLast() : host[...]
  }

  /// The four bytes of an address.
  private static func ipv4(_ text: Substring) -> [UInt8]? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let bytes = parts.compactMap { part -> UInt8? in
      // Some read a number that begins with 0 as octal.
      guard part.utf8.allSatisfy(isDigit), part == "0" || !part.hasPrefix("0") else { return nil }
      return UInt8(part)
    }
    return parts.count == 4 && bytes.count == 4 ? bytes : nil
  }

  /// The eight groups of an address.
  private static func ipv6(_ text: Substring) -> [UInt16]? {
    let halves = text.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
    guard let head = halves.first.flatMap(groups) else { return nil }
    guard halves.count == 2 else { return head.count == 8 ? head : nil }
    guard let tail = groups(halves[1]), head.count + tail.count < 8 else { return nil }
    return head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
  }

  /// Groups between colons. The last two may be written as an IPv4 address.
  private static func groups(_ text: Substring) -> [UInt16]? {
    if text.isEmpty { return [] }
    var groups: [UInt16] = []
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if index == parts.count - 1, let bytes = ipv4(part) {
        groups.append(UInt16(bytes[0]) << 8 | UInt16(bytes[1]))
        groups.append(UInt16(bytes[2]) << 8 | UInt16(bytes[3]))
      } else {
        guard (1...4).contains(part.utf8.count), !part.hasPrefix("+"), !part.hasPrefix("-"),
          let group = UInt16(part, radix: 16)
        else { return nil }
        groups.append(group)
      }
    }
    return groups
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}
