/// A JSON document to be written: keys keep the order in which they were given, so that output is
/// stable and reads well.
///
/// A writer only (RFC 8259); reading belongs to whoever has a schema. Literals make it short:
/// `JSONText.object([("name", .string(name)), ("nodes", 3)]).compact`.
package indirect enum JSONText: Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case unsigned(UInt64)
  /// Written as `null` when not finite, for which JSON has no form.
  case number(Double)
  case string(String)
  case array([JSONText])
  case object([(String, JSONText)])
  /// A text that already is JSON, for example of a message printed by libprotobuf.
  case raw(String)

  /// A string, or `null` for `nil`.
  package static func optional(_ text: String?) -> JSONText { text.map(JSONText.string) ?? .null }

  /// On one line, without spaces.
  package var compact: String {
    var output = ""
    write(to: &output, indentation: nil)
    return output
  }

  /// With two spaces per level, for people.
  package var pretty: String {
    var output = ""
    write(to: &output, indentation: 0)
    return output
  }

  /// A text that already is a JSON document, as ``pretty`` would write it; any other text comes back in another shape.
  package static func pretty(document: String) -> String {
    var output = ""
    var indentation = 0
    var isInString = false
    var isEscaped = false
    var isEmpty = false
    func newLine() { output.append("\n" + String(repeating: " ", count: indentation)) }
    for scalar in document.unicodeScalars {
      if isInString {
        output.unicodeScalars.append(scalar)
        if scalar == "\"", !isEscaped { isInString = false }
        isEscaped = scalar == "\\" && !isEscaped
        continue
      }
      switch scalar {
      case " ", "\t", "\n", "\r": continue
      case "]", "}":
        indentation = max(0, indentation - 2)
        if !isEmpty { newLine() }
      default: if isEmpty { newLine() }
      }
      isEmpty = false
      output.unicodeScalars.append(scalar)
      switch scalar {
      case "[", "{":
        indentation += 2
        isEmpty = true
      case ",": newLine()
      case ":": output.append(" ")
      case "\"": isInString = true
      default: break
      }
    }
    return output
  }

  /// Appends the compact form of a string, quotes included.
  package static func appendQuoted(_ text: String, to output: inout String) {
    output.append("\"")
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": output.append("\\\"")
      case "\\": output.append("\\\\")
      case "\n": output.append("\\n")
      case "\r": output.append("\\r")
      case "\t": output.append("\\t")
      case "\u{0}"..."\u{1f}", "\u{7f}":
        let digits = String(scalar.value, radix: 16)
        output.append("\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
      // Legal in JSON, yet line ends in JavaScript before 2019.
      case "\u{2028}": output.append("\\u2028")
      case "\u{2029}": output.append("\\u2029")
      default: output.unicodeScalars.append(scalar)
      }
    }
    output.append("\"")
  }

  private func write(to output: inout String, indentation: Int?) {
    switch self {
    case .null: output.append("null")
    case .bool(let value): output.append(value ? "true" : "false")
    case .integer(let value): output.append(String(value))
    case .unsigned(let value): output.append(String(value))
    case .number(let value): output.append(value.isFinite ? "\(value)" : "null")
    case .string(let text): Self.appendQuoted(text, to: &output)
    case .raw(let text): output.append(text)
    case .array(let elements):
      Self.writeList(elements, open: "[", close: "]", to: &output, indentation: indentation) {
        $0.write(to: &$1, indentation: $2)
      }
    case .object(let members):
      Self.writeList(members, open: "{", close: "}", to: &output, indentation: indentation) {
        Self.appendQuoted($0.0, to: &$1)
        $1.append($2 == nil ? ":" : ": ")
        $0.1.write(to: &$1, indentation: $2)
      }
    }
  }

  private static func writeList<Item>(
    _ items: [Item], open: String, close: String, to output: inout String, indentation: Int?,
    _ writeItem: (Item, inout String, Int?) -> Void
  ) {
    output.append(open)
    let inner = indentation.map { $0 + 2 }
    for (index, item) in items.enumerated() {
      if index > 0 { output.append(",") }
      if let inner { output.append("\n" + String(repeating: " ", count: inner)) }
      writeItem(item, &output, inner)
    }
    if let indentation, !items.isEmpty {
      output.append("\n" + String(repeating: " ", count: indentation))
    }
    output.append(close)
  }
}

extension JSONText: ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
  package init(stringLiteral value: String) { self = .string(value) }
}

extension JSONText: ExpressibleByIntegerLiteral {
  package init(integerLiteral value: Int64) { self = .integer(value) }
}

extension JSONText: ExpressibleByBooleanLiteral {
  package init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension JSONText: ExpressibleByArrayLiteral {
  package init(arrayLiteral elements: JSONText...) { self = .array(elements) }
}

extension JSONText: ExpressibleByDictionaryLiteral {
  package init(dictionaryLiteral elements: (String, JSONText)...) { self = .object(elements) }
}
