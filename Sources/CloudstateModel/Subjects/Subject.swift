/// A concrete subject: dot-separated, non-empty tokens without wildcards, such as
/// `cs.evt.cart.shopping-cart.user1.ItemAdded` (semantics of NATS).
package struct Subject: Hashable, Sendable, CustomStringConvertible {
  package static let maximumLength = 1024

  package let text: String

  /// Accepts a legal subject and answers `nil` for every other text.
  package init?(_ text: String) {
    guard SubjectSyntax.isSubject(text) else { return nil }
    self.text = text
  }

  /// Joins tokens, escaping each so that any text is legal (see ``SubjectToken``).
  ///
  /// - Precondition: there is at least one token.
  package init(tokens: [String]) {
    text = tokens.map(SubjectToken.escape).joined(separator: ".")
  }

  package var description: String { text }
}
