/// The percent-encoding of paths and queries (RFC 3986, 2.1).
enum URLText {
  /// - Parameter isForm: whether `+` is a blank, as HTML forms write it; in paths it is itself.
  /// - Returns: `nil` for a broken escape, and for bytes that are no UTF-8.
  static func decode(_ bytes: some Sequence<UInt8>, isForm: Bool) -> String? {
    var decoded: [UInt8] = []
    var iterator = bytes.makeIterator()
    while let byte = iterator.next() {
      switch byte {
      case UInt8(ascii: "%"):
        guard let high = iterator.next().flatMap(digit), let low = iterator.next().flatMap(digit)
        else { return nil }
        decoded.append(high << 4 | low)
      case UInt8(ascii: "+") where isForm: decoded.append(UInt8(ascii: " "))
      default: decoded.append(byte)
      }
    }
    return String(validating: decoded, as: UTF8.self)
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}

/// The target of a request (RFC 9112, 3.2), taken apart.
struct RequestTarget: Hashable {
  /// One parameter of the query.
  struct Parameter: Hashable {
    let name: String
    let value: String
  }

  /// Still percent-encoded, as path templates want it.
  let path: [UInt8]
  private let query: ArraySlice<UInt8>

  /// Goes by bytes: with a combining mark behind it, a delimiter would be part of another character.
  init(_ target: String) {
    var rest = Array(target.utf8)[...]
    // What a proxy is asked for names the server before the path.
    if rest.first != UInt8(ascii: "/") {
      for scheme in ["http://", "https://"] where Self.begins(rest, with: scheme) {
        rest = rest.dropFirst(scheme.utf8.count).drop { !"/?#".utf8.contains($0) }
      }
    }
    rest = rest.prefix { $0 != UInt8(ascii: "#") }
    let path = rest.prefix { $0 != UInt8(ascii: "?") }
    self.path = path.isEmpty ? [UInt8(ascii: "/")] : Array(path)
    query = rest.dropFirst(path.count + 1)
  }

  /// The path for people.
  var pathText: String { String(decoding: path, as: UTF8.self) }

  /// The parameters in order. Those without a `=` mean nothing.
  func parameters() throws(HTTPProblem) -> [Parameter] {
    var parameters: [Parameter] = []
    for pair in query.split(separator: UInt8(ascii: "&")) {
      guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { continue }
      guard let name = URLText.decode(pair[..<equals], isForm: true),
        let value = URLText.decode(pair[(equals + 1)...], isForm: true)
      else {
        throw .badRequest(
          "the query parameter '\(String(decoding: pair, as: UTF8.self))' has a broken "
            + "percent-encoding")
      }
      parameters.append(Parameter(name: name, value: value))
    }
    return parameters
  }

  /// - Parameter scheme: in lower case; the target may have capitals.
  private static func begins(_ target: ArraySlice<UInt8>, with scheme: String) -> Bool {
    target.prefix(scheme.utf8.count).elementsEqual(scheme.utf8) { given, wanted in
      given == wanted || (wanted.isSmallLetter && given == wanted - 0x20)
    }
  }
}

extension UInt8 {
  fileprivate var isSmallLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) }
}
