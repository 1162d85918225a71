package import CommandLineKit
import Logging

/// What `cs-tck run` does: runs the combinations of a file one after the other, and reports.
package struct CombinationSession: Sendable {
  package var combinations: [Combination]
  package var selection: CaseSelection
  package var format: OutputFormat
  /// Where to write the results as JUnit XML.
  package var junitPath: String?
  package var console: Console

  package init(
    combinations: [Combination], selection: CaseSelection, format: OutputFormat,
    junitPath: String?, console: Console
  ) {
    self.combinations = combinations
    self.selection = selection
    self.format = format
    self.junitPath = junitPath
    self.console = console
  }

  /// Runs and prints.
  ///
  /// - Returns: `ok` if everything went as expected, `unreachable` if a function or a proxy could not be
  ///   started, else `failure`.
  /// - Throws: ``ProgramError``: `usage` for a pattern without a match.
  package func run() async throws -> ExitStatus {
    _ = try selection.choose(from: combinations.flatMap(\.cases))
    let logger = Logger(label: "cs-tck") { _ in SwiftLogNoOpLogHandler() }
    var results: [CombinationResult] = []
    for combination in combinations {
      // A pattern has to match somewhere, not in every combination.
      let cases = combination.cases.filter(selection.includes)
      guard !cases.isEmpty else { continue }
      console.info("running \(combination.name): \(cases.count) cases")
      var run = CombinationRun(combination, cases: cases, logger: logger)
      var text = TextReport(console: console)
      let result = try await run.run { caseResult in
        let verdict = Verdict(
          caseResult, expectedFailure: combination.expectedFailure(of: caseResult.testCase))
        switch format {
        case .text:
          for line in text.lines(caseResult, verdict, in: combination.name) {
            try console.output(line)
          }
        case .jsonl: try console.output(caseResult.json(verdict, in: combination.name).compact)
        case .json: break
        }
      }
      if let problem = result.problem { console.error("\(combination.name): \(problem)") }
      results.append(result)
    }
    try report(results)
    if results.contains(where: { $0.problem != nil }) { return .unreachable }
    return results.allSatisfy(\.isGood) ? .ok : .failure
  }

  private func report(_ results: [CombinationResult]) throws {
    switch format {
    case .text: for line in summaryTable(results) { try console.output(line) }
    case .json: try console.output(jsonReport(results).pretty)
    case .jsonl: break
    }
    if let junitPath { try writeAtomically(junitPath, junitReport(results)) }
  }
}

/// A line for each combination.
func summaryTable(_ results: [CombinationResult]) -> [String] {
  let titles = ["combination", "passed", "failed", "known", "mended", "skipped", ""]
  let rows = results.map { result in
    [
      result.combination.name, "\(result.passed)", "\(result.failed)",
      "\(result.failedAsExpected)", "\(result.passedUnexpectedly)", "\(result.skipped)",
      result.problem != nil ? "not run" : result.isGood ? "ok" : "FAILED",
    ]
  }
  let table = [titles] + rows
  let widths = titles.indices.map { column in table.map { $0[column].count }.max() ?? 0 }
  return [""]
    + table.map { row in
      let cells = row.enumerated().map { column, text in
        let padding = String(repeating: " ", count: widths[column] - text.count)
        return column == 0 || column == row.count - 1 ? text + padding : padding + text
      }
      return trimmed(cells.joined(separator: "  ")[...])
    }
}
