/// A path with variables, such as `/carts/{user_id}/items` or `/v1/{name=books/*}:archive`
/// (proxy behaviour, section 12.3).
struct PathTemplate: Hashable, Sendable {
  /// A piece of a path.
  enum Part: Hashable, Sendable {
    /// Exactly these bytes, slashes and the colon of a verb included.
    case text([UInt8])
    /// `*`: any bytes but `/` and `:`, possibly none.
    case segment
    /// `**`: anything. Nothing but a verb stands behind it.
    case rest
    /// From here on, up to the matching end, all belongs to the variable with this index.
    case begin(Int)
    case end(Int)
  }

  /// A variable and where it was found.
  struct Variable: Hashable, Sendable {
    /// Names of fields, each within the message of the one before.
    let fieldPath: [String]

    var name: String { fieldPath.joined(separator: ".") }
  }

  let text: String
  let parts: [Part]
  /// In the order in which they stand in the template.
  let variables: [Variable]

  /// - Throws: ``PathTemplateError``.
  init(_ text: String) throws(PathTemplateError) {
    var parser = PathTemplateParser(text)
    (parts, variables) = try parser.parse()
    self.text = text
  }

  /// Matches the whole of a path as it was sent, still percent-encoded.
  ///
  /// - Returns: where each variable's text lies; `nil` if the path is another one.
  func match(_ path: [UInt8]) -> [Range<Int>]? {
    var captures = [Range<Int>](repeating: 0..<0, count: variables.count)
    var offset = 0
    for (index, part) in parts.enumerated() {
      switch part {
      case .text(let text):
        guard path[offset...].starts(with: text) else { return nil }
        offset += text.count
      case .segment:
        while offset < path.count, path[offset] != UInt8(ascii: "/"),
          path[offset] != UInt8(ascii: ":")
        {
          offset += 1
        }
      case .rest:
        let end = path.count - textLength(behind: index)
        guard end >= offset else { return nil }
        offset = end
      case .begin(let variable): captures[variable] = offset..<offset
      case .end(let variable): captures[variable] = captures[variable].lowerBound..<offset
      }
    }
    return offset == path.count ? captures : nil
  }

  private func textLength(behind index: Int) -> Int {
    parts[(index + 1)...].reduce(0) { length, part in
      if case .text(let text) = part { length + text.count } else { length }
    }
  }
}

/// Where and why a text is no path template.
struct PathTemplateError: Error, Hashable, CustomStringConvertible {
  let what: String
  /// From 1; one more than there are characters means the end.
  let column: Int
  let template: String

  var description: String {
    let place = column > template.unicodeScalars.count ? "end of input" : "character \(column)"
    return "\(what) at \(place) of '\(template)'"
  }
}
