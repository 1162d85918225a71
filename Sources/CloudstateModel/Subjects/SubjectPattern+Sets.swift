// Patterns as sets of subjects. Whoever may see some subjects asks for others: what is asked for must lie
// within what is granted, and must not touch what is denied.
//
// The length limit of subjects is left out of account: a subject that is too long for one pattern is too
// long for all.
extension SubjectPattern {
  /// Whether every subject that `other` matches is matched by this pattern, too.
  package func covers(_ other: SubjectPattern) -> Bool {
    for (index, token) in tokens.enumerated() {
      guard index < other.tokens.count else { return false }
      let asked = other.tokens[index]
      switch token {
      case ">": return true
      case "*": if asked == ">" { return false }
      default: if !sameBytes(token, asked) { return false }
      }
    }
    return tokens.count == other.tokens.count
  }

  /// Whether some subject is matched by both patterns.
  package func overlaps(_ other: SubjectPattern) -> Bool {
    for (one, two) in zip(tokens, other.tokens) {
      if one == ">" || two == ">" { return true }
      if one != "*", two != "*", !sameBytes(one, two) { return false }
    }
    return tokens.count == other.tokens.count
  }

  /// The pattern of exactly the subjects that both match; `nil` if there are none.
  package func intersection(_ other: SubjectPattern) -> SubjectPattern? {
    guard overlaps(other) else { return nil }
    var common: [String] = []
    for (one, two) in zip(tokens, other.tokens) {
      if one == ">" { return Self(common + other.tokens[common.count...]) }
      if two == ">" { return Self(common + tokens[common.count...]) }
      common.append(one == "*" ? two : one)
    }
    return Self(common)
  }

  /// `nil` only where the tokens of two long patterns are longer together than a subject may be: then
  /// no subject matches both.
  private init?(_ tokens: [String]) { self.init(tokens.joined(separator: ".")) }
}
