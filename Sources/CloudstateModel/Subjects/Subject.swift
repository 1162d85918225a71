/// A concrete subject: dot-separated, non-empty tokens without wildcards, such as
/// `cs.evt.cart.shopping-cart.user1.ItemAdded` (semantics of NATS). Subjects are equal when their bytes
/// are.
package struct Subject: Hashable, Sendable, CustomStringConvertible {
  /// The longest legal subject, in UTF-8 bytes.
  package static let maximumLength = 1024

  package let text: String

  /// Accepts a legal subject and answers `nil` for every other text.
  package init?(_ text: String) {
    guard SubjectSyntax.isSubject(text) else { return nil }
    self.text = text
  }

  /// Joins tokens, escaping each so that any text is legal (see ``SubjectToken``). The result may be
  /// longer than ``maximumLength``; the bus then refuses it.
  ///
  /// - Precondition: there is at least one token.
  package init(tokens: [String]) {
    text = tokens.map(SubjectToken.escape).joined(separator: ".")
  }

  /// The subject of the first `count` tokens, or all of it if there are no more.
  ///
  /// - Precondition: `count > 0`.
  package func prefix(tokenCount count: Int) -> Subject {
    var dots = 0
    let end = text.utf8.firstIndex { byte in
      if byte == SubjectSyntax.dot { dots += 1 }
      return dots == count
    }
    return end.map { Subject(legal: String(text[..<$0])) } ?? self
  }

  private init(legal text: String) { self.text = text }

  package var description: String { text }

  package static func == (left: Self, right: Self) -> Bool { sameBytes(left.text, right.text) }
  package func hash(into hasher: inout Hasher) { hasher.combine(text) }
}
