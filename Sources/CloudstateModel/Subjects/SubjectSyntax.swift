/// The grammar of subjects, as NATS has it: tokens are non-empty, separated by dots, and hold no white
/// space; `*` and `>` are wildcards only when they are a whole token.
///
/// Everything here works on bytes, as the wire does. Swift's own text comparison would take a dot that
/// is followed by a combining mark for another character, and two spellings of `é` for one.
enum SubjectSyntax {
  static let dot = UInt8(ascii: ".")
  static let anyToken = UInt8(ascii: "*")
  static let anyTail = UInt8(ascii: ">")

  /// Whether `text` is a concrete subject: legal, and no token is a wildcard.
  static func isSubject(_ text: some StringProtocol) -> Bool {
    isLegal(text, allowingWildcards: false)
  }

  /// Whether `text` is a legal pattern; `>` is legal as the last token only.
  static func isPattern(_ text: some StringProtocol) -> Bool {
    isLegal(text, allowingWildcards: true)
  }

  /// The tokens of a text that is known to be legal.
  static func tokens(_ text: String) -> [String] {
    text.utf8.split(separator: dot, omittingEmptySubsequences: false).map { String(Substring($0)) }
  }

  private static func isLegal(_ text: some StringProtocol, allowingWildcards: Bool) -> Bool {
    guard text.utf8.count <= Subject.maximumLength else { return false }
    var tokenLength = 0
    var last: UInt8 = 0
    var tailSeen = false
    /// Judges the token that has just ended.
    func tokenIsLegal() -> Bool {
      guard tokenLength > 0, !tailSeen else { return false }
      guard tokenLength == 1, last == anyToken || last == anyTail else { return true }
      tailSeen = last == anyTail
      return allowingWildcards
    }
    for byte in text.utf8 {
      if byte == dot {
        guard tokenIsLegal() else { return false }
        tokenLength = 0
      } else {
        guard byte > 0x20, byte != 0x7f else { return false }
        tokenLength += 1
        last = byte
      }
    }
    return tokenIsLegal()
  }
}

/// Whether two texts have the same bytes; `==` would compare canonical equivalence (Unicode UAX #15).
/// Texts with the same bytes have the same `hashValue`, so the standard hash goes with it.
package func sameBytes(_ left: some StringProtocol, _ right: some StringProtocol) -> Bool {
  left.utf8.elementsEqual(right.utf8)
}

extension Set<String> {
  /// Whether a text with the same bytes is in the set; `contains` would compare canonical equivalence.
  package func containsBytes(of text: String) -> Bool {
    firstIndex(of: text).map { sameBytes(self[$0], text) } ?? false
  }
}
