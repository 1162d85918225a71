/// A place in a settings file, counted from 1.
package struct SourceLocation: Hashable, Sendable, Comparable {
  package var line: Int
  package var column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  package static func < (left: Self, right: Self) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// Something wrong with a settings file.
package struct SettingsProblem: Hashable, Sendable {
  package var location: SourceLocation
  /// A sentence with, where possible, what to write instead.
  package var message: String

  package init(_ message: String, at location: SourceLocation) {
    self.message = message
    self.location = location
  }
}

/// All that is wrong with a settings file, in the order of lines; each line of the description reads
/// `file:line:column: message`.
package struct InvalidSettings: Error, Hashable, Sendable, CustomStringConvertible {
  package let file: String
  package let problems: [SettingsProblem]

  package init(file: String, problems: [SettingsProblem]) {
    self.file = file
    self.problems = problems.sorted { $0.location < $1.location }
  }

  package var description: String {
    problems.map { "\(file):\($0.location.line):\($0.location.column): \($0.message)" }
      .joined(separator: "\n")
  }
}
