/// A subject in which a token `*` stands for exactly one token and a last token `>` for one or more
/// (semantics of NATS).
package struct SubjectPattern: Hashable, Sendable, CustomStringConvertible {
  package let text: String
  package let tokens: [String]

  /// Accepts a legal pattern and answers `nil` for every other text.
  package init?(_ text: String) {
    guard let tokens = SubjectSyntax.legalTokens(text) else { return nil }
    self.text = text
    self.tokens = tokens.map(String.init)
  }

  /// The pattern that matches `subject` alone.
  package init(_ subject: Subject) {
    text = subject.text
    tokens = subject.text.split(separator: ".").map(String.init)
  }

  package func matches(_ subject: Subject) -> Bool { matches(subject.text) }

  /// As ``matches(_:)`` for the text of a subject that is known to be legal.
  package func matches(_ subject: String) -> Bool {
    var rest = Substring(subject)
    for (index, token) in tokens.enumerated() {
      if token == ">" { return !rest.isEmpty }
      let end = rest.utf8.firstIndex(of: SubjectSyntax.dot) ?? rest.endIndex
      guard !rest.isEmpty, token == "*" || rest[..<end] == token[...] else { return false }
      let isLast = index == tokens.count - 1
      if end == rest.endIndex { return isLast }
      if isLast { return false }
      rest = rest[rest.utf8.index(after: end)...]
    }
    return false
  }

  package var description: String { text }
}
