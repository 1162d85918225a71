/// Checks that a text is JSON (RFC 8259) with no name twice in one object (RFC 7493, section 2.3).
/// libprotobuf reads more than that: names without quotes, single quotes, a comma too many; and of
/// repeated names it takes some. What it would misread must not become a command.
struct JSONSyntax {
  /// As in libprotobuf.
  private static let maximumDepth = 100

  private let bytes: UnsafeBufferPointer<UInt8>
  private var offset = 0

  /// - Throws: ``TranscodingError/Kind/invalidJSON`` with line and column, both from 1; columns are bytes.
  static func check(_ text: String) throws(TranscodingError) {
    var text = text
    let failure = text.withUTF8 { bytes -> TranscodingError? in
      var syntax = JSONSyntax(bytes: bytes)
      do throws(Problem) {
        try syntax.checkAll()
        return nil
      } catch {
        return syntax.describe(error)
      }
    }
    if let failure { throw failure }
  }

  private init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  private struct Problem: Error {
    let offset: Int
    let text: String
  }

  private func describe(_ problem: Problem) -> TranscodingError {
    let before = bytes[..<problem.offset]
    let line = 1 + before.count { $0 == UInt8(ascii: "\n") }
    let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    return TranscodingError(
      .invalidJSON, "line \(line), column \(problem.offset - lineStart + 1): \(problem.text)")
  }

  private func problem(_ text: String) -> Problem {
    Problem(offset: offset, text: offset < bytes.count ? text : "\(text), but the text ends here")
  }

  private mutating func checkAll() throws(Problem) {
    skipSpace()
    try checkValue(depth: 0)
    skipSpace()
    guard offset == bytes.count else { throw problem("expected the end after the JSON value") }
  }

  private var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
      offset += 1
    }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard current == UInt8(ascii: character) else { return false }
    offset += 1
    return true
  }

  private mutating func checkValue(depth: Int) throws(Problem) {
    guard depth <= Self.maximumDepth else { throw problem("nested too deeply") }
    switch current {
    case UInt8(ascii: "{"): try checkObject(depth: depth)
    case UInt8(ascii: "["): try checkArray(depth: depth)
    case UInt8(ascii: "\""): _ = try checkString()
    case UInt8(ascii: "t"): try checkWord("true")
    case UInt8(ascii: "f"): try checkWord("false")
    case UInt8(ascii: "n"): try checkWord("null")
    case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
      try checkNumber()
    default: throw problem("expected a JSON value")
    }
  }

  private mutating func checkObject(depth: Int) throws(Problem) {
    offset += 1
    var names: Set<String> = []
    skipSpace()
    if take("}") { return }
    while true {
      skipSpace()
      let start = offset
      guard current == UInt8(ascii: "\"") else { throw problem("expected a name in double quotes") }
      let range = try checkString()
      let name = String(decoding: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self)
      guard names.insert(name).inserted else {
        throw Problem(offset: start, text: "the name \"\(name)\" stands twice in one object")
      }
      skipSpace()
      guard take(":") else { throw problem("expected ':' after the name") }
      skipSpace()
      try checkValue(depth: depth + 1)
      skipSpace()
      if take("}") { return }
      guard take(",") else { throw problem("expected ',' or '}'") }
    }
  }

  private mutating func checkArray(depth: Int) throws(Problem) {
    offset += 1
    skipSpace()
    if take("]") { return }
    while true {
      skipSpace()
      try checkValue(depth: depth + 1)
      skipSpace()
      if take("]") { return }
      guard take(",") else { throw problem("expected ',' or ']'") }
    }
  }

  /// Where the text between the quotes lies.
  private mutating func checkString() throws(Problem) -> Range<Int> {
    offset += 1
    let start = offset
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\""):
        offset += 1
        return start..<offset - 1
      case UInt8(ascii: "\\"):
        offset += 1
        try checkEscape()
      case 0..<0x20: throw problem("a control character in a string must be escaped")
      default: offset += 1
      }
    }
    throw problem("expected '\"'")
  }

  private mutating func checkEscape() throws(Problem) {
    if take("u") {
      for _ in 0..<4 {
        guard let byte = current, Unicode.Scalar(byte).properties.isASCIIHexDigit else {
          throw problem("expected four hexadecimal digits after \\u")
        }
        offset += 1
      }
      return
    }
    for character in "\"\\/bfnrt".unicodeScalars where take(character) { return }
    throw problem("unknown escape in a string")
  }

  private mutating func checkWord(_ word: StaticString) throws(Problem) {
    let matches = word.withUTF8Buffer { bytes.dropFirst(offset).starts(with: $0) }
    guard matches else { throw problem("expected a JSON value") }
    offset += word.utf8CodeUnitCount
  }

  private mutating func checkNumber() throws(Problem) {
    _ = take("-")
    if !take("0") { try checkDigits() }
    if take(".") { try checkDigits() }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      try checkDigits()
    }
  }

  private mutating func checkDigits() throws(Problem) {
    let start = offset
    while let byte = current, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { offset += 1 }
    guard offset > start else { throw problem("expected a digit") }
  }
}
