package import CommandLineKit

/// Results for people: a line for each case, and of a failure what was expected and what came.
package struct TextReport: Sendable {
  private let console: Console
  private var section: String?

  package init(console: Console) { self.console = console }

  /// The lines of one result, with a heading where a section begins.
  package mutating func lines(_ result: CaseResult) -> [String] {
    let testCase = result.testCase
    var lines: [String] = []
    let place = "\(testCase.group.rawValue) \(testCase.section)"
    if place != section {
      if section != nil { lines.append("") }
      section = place
      let heading = "\(testCase.group.title)\(testCase.part.remark) (section \(testCase.section))"
      lines.append(console.styledOutput(heading, .bold))
    }
    switch result.outcome {
    case .passed:
      lines.append(line(console.styledOutput("ok  ", .green), testCase, ""))
    case .skipped(let missing):
      lines.append(
        line(
          console.styledOutput("skip", .yellow), testCase,
          " (not served: \(missing.joined(separator: ", ")))"))
    case .failed(let failure):
      lines.append(line(console.styledOutput("FAIL", .red, .bold), testCase, ""))
      if !failure.step.isEmpty { lines.append("       at        \(failure.step)") }
      lines.append("       expected  \(failure.expected)")
      lines.append("       received  \(oneLine(failure.received))")
      lines.append("       clause    \(testCase.section) \(testCase.id): \(testCase.clause)")
    }
    return lines
  }

  /// The lines of one result in a combination: failures are told in full, and of what is expected to
  /// fail, why.
  package mutating func lines(
    _ result: CaseResult, _ verdict: Verdict, in combination: String
  ) -> [String] {
    switch verdict {
    case .passed, .failed, .skipped: return lines(result)
    case .failedAsExpected(let reason):
      return [line(console.styledOutput("know", .yellow), result.testCase, " (\(reason))")]
    case .passedUnexpectedly(let reason):
      return [
        line(console.styledOutput("FAIL", .red, .bold), result.testCase, ""),
        "       passes, but \(combination) expects it to fail: \(reason)",
        "       take it out of expected-failures",
      ]
    }
  }

  /// The last line.
  package func summary(_ tally: Tally) -> String {
    "\(tally.passed) passed, \(tally.failed) failed, \(tally.skipped) skipped"
  }

  /// Bodies of HTTP answers and error texts may have line ends.
  private func oneLine(_ text: String) -> String {
    text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .joined(separator: "\\n")
  }

  private func line(_ word: String, _ testCase: TestCase, _ remark: String) -> String {
    let padding = String(repeating: " ", count: max(0, 6 - testCase.id.count))
    return "  \(word) \(testCase.id)\(padding) \(testCase.title)\(remark)"
  }
}
