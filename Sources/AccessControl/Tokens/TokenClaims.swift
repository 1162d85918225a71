import FoundationEssentials

/// The claims of a JSON Web Token (RFC 7519, 4) as far as they are looked at.
struct TokenClaims: Decodable {
  private enum Value: Decodable {
    case text(String)
    case number(Double)
    case texts([String])
    case other

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let text = try? container.decode(String.self) {
        self = .text(text)
      } else if let number = try? container.decode(Double.self) {
        self = .number(number)
      } else if let texts = try? container.decode([String].self) {
        self = .texts(texts)
      } else {
        self = .other
      }
    }
  }

  private let values: [String: Value]

  init(from decoder: any Decoder) throws {
    values = try decoder.singleValueContainer().decode([String: Value].self)
  }

  func text(_ name: String) -> String? {
    if case .text(let text) = values[name] { text } else { nil }
  }

  /// Seconds since 1970; `nil` if there is no such claim.
  ///
  /// - Throws: for a claim that is something else: a limit that cannot be read is not passed over.
  func time(_ name: String) throws(TokenRefusal) -> Double? {
    switch values[name] {
    case nil: return nil
    case .number(let seconds) where seconds.isFinite: return seconds
    default: throw TokenRefusal("its claim \(name) is no time")
    }
  }

  /// One text, or a list of texts, as `aud` may be; empty if there is no such claim.
  func texts(_ name: String) -> [String] {
    switch values[name] {
    case .text(let text): [text]
    case .texts(let texts): texts
    default: []
    }
  }
}
