/// The grammar of subjects, as NATS has it: tokens are non-empty, separated by dots, and hold no white
/// space; `*` and `>` are wildcards only when they are a whole token.
enum SubjectSyntax {
  static let dot = UInt8(ascii: ".")

  /// Whether `text` is a concrete subject: legal, and no token is a wildcard.
  static func isSubject(_ text: String) -> Bool {
    guard let tokens = legalTokens(text) else { return false }
    return !tokens.contains { $0 == "*" || $0 == ">" }
  }

  /// The tokens of a legal subject or pattern, or `nil`. `>` is legal as the last token only.
  static func legalTokens(_ text: String) -> [Substring]? {
    guard !text.isEmpty, text.utf8.count <= Subject.maximumLength else { return nil }
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else { return nil }
    let tokens = text.split(separator: ".", omittingEmptySubsequences: false)
    guard tokens.allSatisfy({ !$0.isEmpty }) else { return nil }
    guard !tokens.dropLast().contains(">") else { return nil }
    return tokens
  }
}
