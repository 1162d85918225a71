package import CommandLineKit
import SettingsReading

/// Chooses cases by patterns: the name of a case, of a group or of a part (`model`, `proxy`, `scripted`).
/// Case does not count, and `*` stands for any characters.
package struct CaseSelection: Sendable {
  private let patterns: [String]

  /// - Parameter texts: patterns, or several separated by commas; empty chooses everything.
  package init(_ texts: [String]) {
    patterns = texts.flatMap { $0.split(separator: ",").map { trimmed($0) } }
  }

  /// The cases that match, in their order.
  ///
  /// - Throws: ``ProgramError`` with status `usage` that names each pattern without a match: a typo
  ///   must not look like success.
  package func choose(from cases: [TestCase]) throws(ProgramError) -> [TestCase] {
    guard !patterns.isEmpty else { return cases }
    let useless = patterns.filter { pattern in !cases.contains { matches(pattern, $0) } }
    guard useless.isEmpty else {
      let names = TestGroup.allCases.map(\.rawValue) + cases.map(\.id)
      throw ProgramError(
        useless.map { "no case or group matches '\($0)'" }.joined(separator: "\n"),
        hint: useless.first.flatMap { nearest(to: $0, among: names) }.map { "--only \($0)" }
          ?? "cs-tck --list",
        status: .usage)
    }
    return cases.filter(includes)
  }

  /// Whether a case is chosen.
  package func includes(_ testCase: TestCase) -> Bool {
    patterns.isEmpty || patterns.contains { matches($0, testCase) }
  }

  private func matches(_ pattern: String, _ testCase: TestCase) -> Bool {
    [testCase.id, testCase.group.rawValue, testCase.part.rawValue]
      .contains { glob(pattern, $0) }
  }
}

/// Whether a text is what a pattern with `*` describes; case does not count.
func glob(_ pattern: String, _ text: String) -> Bool {
  let pattern = Array(pattern.lowercased())
  let text = Array(text.lowercased())
  var place = 0
  var index = 0
  /// Where the last `*` stands, and how far the text was when it was reached.
  var star: (place: Int, index: Int)?
  while index < text.count {
    if place < pattern.count, pattern[place] == "*" {
      star = (place, index)
      place += 1
    } else if place < pattern.count, pattern[place] == text[index] {
      place += 1
      index += 1
    } else if let last = star {
      star = (last.place, last.index + 1)
      place = last.place + 1
      index = last.index + 1
    } else {
      return false
    }
  }
  return pattern[place...].allSatisfy { $0 == "*" }
}
