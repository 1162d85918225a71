/// Why a text with placeholders cannot be expanded.
package struct PlaceholderError: Error, Hashable, CustomStringConvertible {
  package let description: String
}

/// Replaces `${NAME}` by its value and `$$` by one dollar sign; any other dollar sign stays.
///
/// - Throws: ``PlaceholderError`` for a placeholder without a value or without its closing brace.
package func expandPlaceholders(
  _ text: String, variables: (String) -> String?
) throws(PlaceholderError) -> String {
  var output = ""
  var rest = Substring(text)
  while let dollar = rest.firstIndex(of: "$") {
    output += rest[..<dollar]
    rest = rest[rest.index(after: dollar)...]
    if rest.first == "$" {
      output.append("$")
      rest.removeFirst()
    } else if rest.first == "{" {
      guard let brace = rest.firstIndex(of: "}") else {
        throw PlaceholderError(description: "'\(text)' has a '${' without '}'")
      }
      let name = String(rest[rest.index(after: rest.startIndex)..<brace])
      guard let value = variables(name) else {
        throw PlaceholderError(
          description:
            "${\(name)} has no value; it can be ${bin}, ${topology} or an environment variable")
      }
      output += value
      rest = rest[rest.index(after: brace)...]
    } else {
      output.append("$")
    }
  }
  return output + rest
}

/// Splits a command line into words as a shell does for plain words, single quotes, double quotes and
/// backslashes, and does nothing else that a shell does. `nil` when a quote is not closed.
package func splitCommand(_ text: String) -> [String]? {
  var words: [String] = []
  var word: String?
  var quote: Character?
  var isEscaped = false
  for character in text {
    if isEscaped {
      word = (word ?? "") + String(character)
      isEscaped = false
    } else if character == "\\", quote != "'" {
      isEscaped = true
    } else if let open = quote {
      if character == open { quote = nil } else { word = (word ?? "") + String(character) }
    } else if character == "'" || character == "\"" {
      quote = character
      word = word ?? ""
    } else if character.isWhitespace {
      if let finished = word { words.append(finished) }
      word = nil
    } else {
      word = (word ?? "") + String(character)
    }
  }
  if quote != nil || isEscaped { return nil }
  if let word { words.append(word) }
  return words
}
