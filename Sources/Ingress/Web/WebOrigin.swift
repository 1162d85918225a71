/// Where a page comes from, as a browser writes it (RFC 6454, 6.1): `https://shop.example` or
/// `http://localhost:3000`.
package struct WebOrigin: Hashable, Sendable {
  /// Why a text is no origin, with what to write instead.
  package struct Problem: Error, Hashable, Sendable {
    package let message: String
  }

  /// In lower case, as browsers send it.
  package let text: String

  /// Reads a setting. It must be what browsers send, letter by letter, because the two are compared.
  package init(setting: String) throws(Problem) {
    let text = setting.lowercased()
    func problem(_ what: String) -> Problem { Problem(message: "'\(setting)' \(what)") }
    guard let separator = text.firstRange(of: "://") else {
      throw problem("is not an origin: write SCHEME://HOST or SCHEME://HOST:PORT")
    }
    let scheme = text[..<separator.lowerBound]
    let authority = text[separator.upperBound...]
    if authority.contains("*") {
      throw problem("is a pattern; list each origin, or allow all of them by '*' alone")
    }
    if let slash = authority.firstIndex(of: "/") {
      throw problem(
        "has a path; an origin ends with host and port: \(text[..<slash])")
    }
    let (host, port) = Self.split(authority)
    guard let first = scheme.utf8.first, (0x61...0x7a).contains(first),
      scheme.utf8.allSatisfy(Self.isSchemeByte), !host.isEmpty,
      host.utf8.allSatisfy(Self.isHostByte)
    else { throw problem("is not an origin: write SCHEME://HOST or SCHEME://HOST:PORT") }
    if let port {
      guard let number = UInt16(port), number > 0, String(number) == port else {
        throw problem("has no valid port")
      }
      if (scheme == "http" && number == 80) || (scheme == "https" && number == 443) {
        throw problem(
          "names the port that browsers leave out; write \(scheme)://\(host)")
      }
    }
    self.text = text
  }

  /// Host and port; the colons of an IPv6 address are inside its brackets.
  private static func split(_ authority: Substring) -> (host: Substring, port: Substring?) {
    let start =
      authority.first == "["
      ? authority.firstIndex(of: "]") ?? authority.startIndex : authority.startIndex
    guard let colon = authority[start...].firstIndex(of: ":") else { return (authority, nil) }
    return (authority[..<colon], authority[authority.index(after: colon)...])
  }

  private static func isSchemeByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  private static func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ":"), UInt8(ascii: "_"): true
    default: byte != UInt8(ascii: "+") && isSchemeByte(byte)
    }
  }
}
