/// A text is not in the notation; a mistake in a test case.
struct NotationError: Error, Hashable, CustomStringConvertible {
  let description: String
}

/// Reads the notation of test cases from left to right. Spaces between symbols do not count.
struct NotationScanner {
  private let text: String
  private var rest: Substring

  init(_ text: some StringProtocol) {
    self.text = String(text)
    rest = Substring(text)
    skipSpaces()
  }

  var isAtEnd: Bool { rest.isEmpty }

  /// Whether a list in brackets ends, or a part of it.
  var isAtEndOfList: Bool { rest.first.map { ")]};".contains($0) } ?? true }

  func error(_ problem: String) -> NotationError {
    NotationError(description: "'\(text)': \(problem) before '\(rest)'")
  }

  /// Takes a symbol if it comes next.
  mutating func take(_ symbol: String) -> Bool {
    guard rest.hasPrefix(symbol) else { return false }
    rest = rest.dropFirst(symbol.count)
    skipSpaces()
    return true
  }

  mutating func expect(_ symbol: String) throws(NotationError) {
    guard take(symbol) else { throw error("expected \(symbol)") }
  }

  mutating func expectEnd() throws(NotationError) {
    guard isAtEnd else { throw error("expected the end") }
  }

  /// Letters, as many as follow; may be empty.
  mutating func word() -> String { run { $0.isLetter } }

  mutating func number() throws(NotationError) -> Int64 {
    guard let number = Int64(run { $0.isASCII && $0.isNumber }) else {
      throw error("expected a number")
    }
    return number
  }

  /// A number that may have a minus before it.
  mutating func signedNumber() throws(NotationError) -> Int64 {
    let sign: Int64 = take("-") ? -1 : 1
    return sign * (try number())
  }

  /// Letters and digits, or a text in quotes, which may be empty.
  mutating func name() throws(NotationError) -> String {
    if rest.hasPrefix("\"") { return try quoted() }
    let name = run { $0.isLetter || $0.isNumber }
    guard !name.isEmpty else { throw error("expected a name") }
    return name
  }

  /// A text in double quotes.
  mutating func quoted() throws(NotationError) -> String {
    try expect("\"")
    let content = rest.prefix { $0 != "\"" }
    rest = rest.dropFirst(content.count)
    try expect("\"")
    return String(content)
  }

  /// What stands between two symbols, such as parentheses, without spaces around it.
  mutating func enclosed(_ open: String, _ close: Character) throws(NotationError) -> String {
    try expect(open)
    let content = run { $0 != close }
    try expect(String(close))
    return content
  }

  /// As ``enclosed(_:_:)``, split at commas.
  mutating func list(_ open: String, _ close: Character) throws(NotationError) -> [String] {
    try enclosed(open, close).split(separator: ",").map { trimmed($0) }
  }

  /// Everything up to a `+` or the end.
  mutating func plain() -> String { run { $0 != "+" } }

  /// Everything that is left.
  mutating func remainder() -> Substring {
    defer { rest = "" }
    return rest
  }

  private mutating func run(while belongs: (Character) -> Bool) -> String {
    let taken = rest.prefix(while: belongs)
    rest = rest.dropFirst(taken.count)
    skipSpaces()
    return trimmed(taken)
  }

  private mutating func skipSpaces() { rest = rest.drop { $0.isWhitespace } }
}

extension StringProtocol {
  /// The parts between the separators that stand in no brackets and no quotes.
  func topLevelParts(separator: Character) -> [SubSequence] {
    var depth = 0
    var quoted = false
    return split { character in
      switch character {
      case "\"": quoted.toggle()
      case _ where quoted: break
      case "(", "[", "{": depth += 1
      case ")", "]", "}": depth -= 1
      default: return depth == 0 && character == separator
      }
      return false
    }
  }
}

/// A text without spaces around it.
func trimmed(_ text: Substring) -> String {
  var text = text.drop { $0.isWhitespace }
  while text.last?.isWhitespace == true { text.removeLast() }
  return String(text)
}
