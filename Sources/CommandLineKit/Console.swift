import Glibc

/// How much a program tells on standard error.
package enum Verbosity: Int, Sendable, Comparable {
  /// Only errors.
  case quiet
  case normal
  /// Also details that help to find out why something happens.
  case verbose

  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// Text colours and weights of terminals (ECMA-48).
package enum TextStyle: String, Sendable, CaseIterable {
  case bold = "1"
  case dim = "2"
  case red = "31"
  case green = "32"
  case yellow = "33"
  case blue = "34"
  case magenta = "35"
  case cyan = "36"
}

/// Talk of a program: data to standard output, everything else to standard error.
///
/// A plain value; each call is one `write`, so threads may share it without mixing their lines.
package struct Console: Sendable {
  package let verbosity: Verbosity
  /// Whether standard error, and standard output, take colours.
  package let colorsErrors: Bool
  package let colorsOutput: Bool

  package init(
    verbosity: Verbosity = .normal, color: ColorChoice = .auto,
    environment: (String) -> String? = environmentVariable
  ) {
    self.verbosity = verbosity
    func wanted(_ descriptor: Int32) -> Bool {
      switch color {
      case .always: true
      case .never: false
      case .auto:
        isatty(descriptor) == 1 && (environment("NO_COLOR") ?? "").isEmpty
          && environment("TERM") != "dumb"
      }
    }
    colorsErrors = wanted(STDERR_FILENO)
    colorsOutput = wanted(STDOUT_FILENO)
  }

  /// Writes one line of data to standard output.
  ///
  /// - Throws: ``OutputClosed`` when the reader went away, else ``ProgramError``.
  package func output(_ line: String) throws {
    try output(bytes: Array("\(line)\n".utf8))
  }

  /// Writes data to standard output as it is.
  ///
  /// - Throws: ``OutputClosed`` when the reader went away, else ``ProgramError``.
  package func output(bytes: [UInt8]) throws {
    switch writeAll(bytes, to: STDOUT_FILENO) {
    case 0: return
    case EPIPE: throw OutputClosed()
    case let code: throw ProgramError.system("cannot write to standard output", code: code)
    }
  }

  /// Tells something a user normally wants to know; silent with `--quiet`.
  package func info(_ line: String) { talk(line, at: .normal) }

  /// Tells a detail; only with `--verbose`.
  package func detail(_ line: String) { talk(line, at: .verbose) }

  /// Tells `warning: line`; silent with `--quiet`.
  package func warning(_ line: String) {
    talk("\(styled("warning:", .yellow, .bold)) \(line)", at: .normal)
  }

  /// Tells `error: line`, always.
  package func error(_ line: String) {
    talk("\(styled("error:", .red, .bold)) \(line)", at: .quiet)
  }

  /// Tells `try: line`, always; follows an error.
  package func hint(_ line: String) {
    talk("\(styled("try:", .cyan, .bold)) \(line)", at: .quiet)
  }

  /// `text` in a style, for standard error; unchanged where colours are off.
  package func styled(_ text: String, _ styles: TextStyle...) -> String {
    Self.styled(text, styles, enabled: colorsErrors)
  }

  /// `text` in a style, for standard output; unchanged where colours are off.
  package func styledOutput(_ text: String, _ styles: TextStyle...) -> String {
    Self.styled(text, styles, enabled: colorsOutput)
  }

  private static func styled(_ text: String, _ styles: [TextStyle], enabled: Bool) -> String {
    guard enabled, !styles.isEmpty else { return text }
    return "\u{1b}[\(styles.map(\.rawValue).joined(separator: ";"))m\(text)\u{1b}[0m"
  }

  private func talk(_ line: String, at level: Verbosity) {
    guard level <= verbosity else { return }
    // Nobody is left to tell when standard error itself fails.
    _ = writeAll(Array("\(line)\n".utf8), to: STDERR_FILENO)
  }
}

/// The value of an environment variable. `getenv` is safe as long as nobody changes the environment,
/// and no program of this package does.
package func environmentVariable(_ name: String) -> String? {
  getenv(name).map { String(cString: $0) }
}
