import CommandLineKit

extension Verdict {
  /// The word of reports.
  var word: String {
    switch self {
    case .passed: "passed"
    case .failed: "failed"
    case .skipped: "skipped"
    case .failedAsExpected: "failed as expected"
    case .passedUnexpectedly: "passed unexpectedly"
    }
  }

  /// Why a failure is known; `nil` for all else.
  var reason: String? {
    switch self {
    case .failedAsExpected(let reason), .passedUnexpectedly(let reason): reason
    case .passed, .failed, .skipped: nil
    }
  }
}

extension CaseResult {
  /// One object: as without combinations, and how that was expected.
  func json(_ verdict: Verdict, in combination: String) -> JSONText {
    guard case .object(let members) = json else { return json }
    var all: [(String, JSONText)] = [("combination", .string(combination))]
    all += members
    all.append(("verdict", .string(verdict.word)))
    if let reason = verdict.reason { all.append(("reason", .string(reason))) }
    return .object(all)
  }
}

/// All combinations as one document.
func jsonReport(_ results: [CombinationResult]) -> JSONText {
  let combinations = results.map { result -> JSONText in
    let name = result.combination.name
    return .object([
      ("name", .string(name)), ("library", .string(result.library)),
      ("ok", .bool(result.isGood)), ("problem", result.problem.map(JSONText.string) ?? .null),
      ("passed", .integer(Int64(result.passed))), ("failed", .integer(Int64(result.failed))),
      ("failedAsExpected", .integer(Int64(result.failedAsExpected))),
      ("passedUnexpectedly", .integer(Int64(result.passedUnexpectedly))),
      ("skipped", .integer(Int64(result.skipped))),
      ("cases", .array(result.results.map { $0.json(result.verdict($0), in: name) })),
    ])
  }
  return ["ok": .bool(results.allSatisfy(\.isGood)), "combinations": .array(combinations)]
}

/// All combinations in the XML that build servers read: a suite for each; known failures are skipped.
func junitReport(_ results: [CombinationResult]) -> String {
  var lines = ["<?xml version=\"1.0\" encoding=\"UTF-8\"?>", "<testsuites name=\"cs-tck\">"]
  for result in results {
    let failures = result.failed + result.passedUnexpectedly
    let skipped = result.skipped + result.failedAsExpected
    lines.append(
      "  <testsuite name=\"\(escaped(result.combination.name))\" tests=\"\(result.results.count)\" "
        + "failures=\"\(failures)\" errors=\"\(result.problem == nil ? 0 : 1)\" "
        + "skipped=\"\(skipped)\">")
    for caseResult in result.results {
      lines += junitElement(
        caseResult, result.verdict(caseResult),
        className: "tck.\(escaped(result.combination.name))")
    }
    if let problem = result.problem {
      lines += [
        "    <testcase classname=\"tck\" name=\"start\">",
        "      <error message=\"\(escaped(problem))\"/>", "    </testcase>",
      ]
    }
    lines.append("  </testsuite>")
  }
  lines.append("</testsuites>")
  return lines.joined(separator: "\n") + "\n"
}
