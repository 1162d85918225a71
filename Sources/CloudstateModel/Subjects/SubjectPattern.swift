/// A subject in which a token `*` stands for exactly one token and a last token `>` for one or more
/// (semantics of NATS). Patterns are equal when their bytes are.
package struct SubjectPattern: Hashable, Sendable, CustomStringConvertible {
  package let text: String
  package let tokens: [String]

  /// Accepts a legal pattern and answers `nil` for every other text.
  package init?(_ text: String) {
    guard SubjectSyntax.isPattern(text) else { return nil }
    self.text = text
    tokens = SubjectSyntax.tokens(text)
  }

  /// The pattern that matches `subject` alone.
  package init(_ subject: Subject) {
    text = subject.text
    tokens = SubjectSyntax.tokens(subject.text)
  }

  package func matches(_ subject: Subject) -> Bool { matches(subject.text) }

  /// As ``matches(_:)`` for the text of a subject that is known to be legal.
  package func matches(_ subject: String) -> Bool {
    var rest = subject.utf8[...]
    for (index, token) in tokens.enumerated() {
      if token == ">" { return !rest.isEmpty }
      let end = rest.firstIndex(of: SubjectSyntax.dot) ?? rest.endIndex
      guard !rest.isEmpty, token == "*" || rest[..<end].elementsEqual(token.utf8) else {
        return false
      }
      let isLast = index == tokens.count - 1
      if end == rest.endIndex { return isLast }
      if isLast { return false }
      rest = rest[rest.index(after: end)...]
    }
    return false
  }

  package var description: String { text }

  package static func == (left: Self, right: Self) -> Bool { sameBytes(left.text, right.text) }
  package func hash(into hasher: inout Hasher) { hasher.combine(text) }
}
