import SettingsReading

/// What was typed, behind the settings of the file that `--config` names, so that what was typed wins.
///
/// - Parameters:
///   - options: long names of the options that the file may set, as `CS_NAME`.
///   - flags: likewise, of what is on or off.
/// - Throws: ``ProgramError`` for a file that cannot be read or is wrong, naming each line.
package func withConfigFile(
  _ typed: [String], options: [String], flags: [String]
) throws(ProgramError) -> [String] {
  var path: String?
  for (index, argument) in typed.enumerated() {
    if argument == "--config", index + 1 < typed.count { path = typed[index + 1] }
    if argument.hasPrefix("--config=") { path = String(argument.dropFirst("--config=".count)) }
  }
  guard let path else { return typed }
  return try EnvironmentFile(path: path)
    .arguments(prefix: "CS_", options: options, flags: flags) + typed
}

/// A configuration file of `KEY=VALUE` lines, as `cs-node --config` and `cs-coordinator --config` read.
///
/// One setting a line; blank lines and lines that begin with `#` are skipped, and `export ` before the
/// key is allowed so that a shell may source the file. A value reaches to the end of the line without
/// surrounding spaces, or stands in double or single quotes, which are dropped; nothing is expanded.
package struct EnvironmentFile: Sendable {
  /// One setting and where it stands.
  package struct Entry: Hashable, Sendable {
    package let key: String
    package let value: String
    /// Counted from 1.
    package let line: Int
  }

  /// The name used in messages.
  package let path: String
  /// In the order of the file.
  package let entries: [Entry]

  /// Reads a file from disk.
  ///
  /// - Throws: ``ProgramError`` with status `usage`: the file cannot be read, or all lines that are
  ///   wrong, each with its number.
  package init(path: String) throws(ProgramError) {
    try self.init(path: path, text: readFile(path, status: .usage))
  }

  /// Reads the content of a file; `path` only names it in messages.
  package init(path: String, text: String) throws(ProgramError) {
    var entries: [Entry] = []
    var problems: [String] = []
    var lineOfKey: [String: Int] = [:]
    for (index, line) in text.split(
      omittingEmptySubsequences: false, whereSeparator: \.isNewline
    ).enumerated() {
      let number = index + 1
      switch Self.parse(line) {
      case .nothing: break
      case .problem(let problem): problems.append("\(path):\(number): \(problem)")
      case .setting(let key, let value):
        if let earlier = lineOfKey[key] {
          problems.append("\(path):\(number): \(key) is already set in line \(earlier)")
        } else {
          lineOfKey[key] = number
          entries.append(Entry(key: key, value: value, line: number))
        }
      }
    }
    guard problems.isEmpty else {
      throw ProgramError(problems.joined(separator: "\n"), status: .usage)
    }
    self.path = path
    self.entries = entries
  }

  /// The value of a key, or `nil` when the file does not set it.
  package subscript(key: String) -> String? { entries.first { $0.key == key }?.value }

  /// The settings as command-line arguments: with the prefix `CS_`, `CS_MAX_STREAMS=8` becomes
  /// `--max-streams 8`. Put before what the user typed they act as defaults, since the last value of
  /// an option counts.
  ///
  /// - Parameters:
  ///   - options: long names, without dashes, of the options that take a value.
  ///   - flags: long names of those that do not; their values are `true` or `false`.
  /// - Throws: ``ProgramError`` with status `usage` that names line and nearest valid key of every
  ///   unknown key.
  package func arguments(
    prefix: String, options: [String], flags: [String] = []
  ) throws(ProgramError) -> [String] {
    func key(_ name: String) -> String {
      prefix + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
    }
    let optionOfKey = Dictionary(options.map { (key($0), $0) }) { first, _ in first }
    let flagOfKey = Dictionary(flags.map { (key($0), $0) }) { first, _ in first }
    var arguments: [String] = []
    var problems: [String] = []
    for entry in entries {
      if let option = optionOfKey[entry.key] {
        arguments.append("--\(option)=\(entry.value)")
      } else if let flag = flagOfKey[entry.key] {
        switch entry.value {
        case "true": arguments.append("--\(flag)")
        case "false": break
        default:
          problems.append(
            "\(path):\(entry.line): \(entry.key) is '\(entry.value)'; write true or false")
        }
      } else {
        let suggestion = nearest(to: entry.key, among: (options + flags).map(key))
        problems.append(
          "\(path):\(entry.line): unknown setting \(entry.key)"
            + (suggestion.map { "; did you mean \($0)?" } ?? ""))
      }
    }
    guard problems.isEmpty else {
      throw ProgramError(problems.joined(separator: "\n"), status: .usage)
    }
    return arguments
  }

  private enum Line {
    case nothing
    case setting(key: String, value: String)
    case problem(String)
  }

  private static func parse(_ line: Substring) -> Line {
    var text = trimmed(line)
    if text.isEmpty || text.hasPrefix("#") { return .nothing }
    if text.hasPrefix("export ") { text = trimmed(text.dropFirst("export ".count)) }
    guard let equals = text.firstIndex(of: "=") else {
      return .problem("expected KEY=VALUE, found '\(text)'")
    }
    let key = trimmed(text[..<equals])
    guard let first = key.first, first == "_" || (first.isASCII && first.isLetter),
      key.allSatisfy({ $0 == "_" || ($0.isASCII && ($0.isLetter || $0.isNumber)) })
    else {
      return .problem("'\(key)' is not a key; keys are letters, digits and underscores")
    }
    let value = trimmed(text[text.index(after: equals)...])
    guard let quote = value.first, quote == "\"" || quote == "'" else {
      return .setting(key: String(key), value: String(value))
    }
    guard value.count >= 2, value.last == quote else {
      return .problem("the value of \(key) begins with \(quote) and does not end with it")
    }
    return .setting(key: String(key), value: String(value.dropFirst().dropLast()))
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop { $0.isWhitespace }
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
