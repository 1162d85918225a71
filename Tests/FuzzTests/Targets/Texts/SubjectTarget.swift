@testable import CloudstateModel

extension FuzzTarget {
  /// A subject, then patterns that it is matched against, with a zero byte behind each.
  static let subjects = FuzzTarget("subjects") { input in
    var input = input
    let text = input.text()
    try checkToken(text)
    guard let subject = Subject(text) else { return }
    let tokens = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    try demand(!tokens.contains { $0.isEmpty }, "'\(text)' has an empty token")
    for count in 1...4 { _ = subject.prefix(tokenCount: count) }
    var tree = SubjectTree<Int>()
    var expected: [Int] = []
    var patterns: [SubjectPattern] = []
    while !input.isEmpty, patterns.count < 32 {
      guard let pattern = SubjectPattern(input.text()) else { continue }
      let isMatch = matches(
        pattern.tokens.map { Array($0.utf8) }[...], tokens.map { Array($0) }[...])
      try demandEqual(pattern.matches(subject), isMatch, "'\(pattern)' for '\(subject)'")
      if isMatch { expected.append(patterns.count) }
      tree.insert(patterns.count, for: pattern)
      patterns.append(pattern)
    }
    try demandEqual(tree.matches(of: subject).sorted(), expected, "the matches of '\(subject)'")
    for (index, pattern) in patterns.enumerated() {
      try demandEqual(tree.remove(for: pattern) { $0 == index }, 1, "removals of '\(pattern)'")
    }
    try demand(tree.isEmpty, "a tree without patterns is not empty")
  }

  private static func checkToken(_ text: String) throws {
    let escaped = SubjectToken.escape(text)
    try demand(
      SubjectToken.unescape(escaped)?.utf8.elementsEqual(text.utf8) ?? false,
      "'\(text)' became '\(escaped)'")
    if escaped.utf8.count <= Subject.maximumLength {
      try demand(Subject(escaped) != nil, "'\(escaped)' is no subject")
    }
    guard let unescaped = SubjectToken.unescape(text) else { return }
    try demand(
      SubjectToken.escape(unescaped).utf8.elementsEqual(text.utf8),
      "'\(text)' is escaped in two ways")
  }

  /// The definition, word for word.
  private static func matches(
    _ pattern: ArraySlice<[UInt8]>, _ subject: ArraySlice<[UInt8]>
  ) -> Bool {
    guard let first = pattern.first else { return subject.isEmpty }
    if first == Array(">".utf8) { return !subject.isEmpty }
    guard let token = subject.first, first == Array("*".utf8) || first == token else {
      return false
    }
    return matches(pattern.dropFirst(), subject.dropFirst())
  }
}
