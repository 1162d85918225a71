package import CommandLineKit

extension CaseResult {
  /// One object: what was tested, how it ended, and of a failure what differs.
  package var json: JSONText {
    var members: [(String, JSONText)] = testCase.jsonMembers
    switch outcome {
    case .passed: members.append(("outcome", "passed"))
    case .skipped(let missing):
      members.append(("outcome", "skipped"))
      members.append(("missing", .array(missing.map(JSONText.string))))
    case .failed(let failure):
      members.append(("outcome", "failed"))
      members.append(("step", .string(failure.step)))
      members.append(("expected", .string(failure.expected)))
      members.append(("received", .string(failure.received)))
    }
    members.append(("milliseconds", .integer(Int64(duration / .milliseconds(1)))))
    return .object(members)
  }
}

extension TestCase {
  /// One object, for lists of cases.
  package var json: JSONText { .object(jsonMembers) }

  fileprivate var jsonMembers: [(String, JSONText)] {
    [
      ("case", .string(id)), ("title", .string(title)), ("group", .string(group.rawValue)),
      ("section", .string(section)), ("clause", .string(clause)),
    ]
  }
}

/// The whole run as one document.
package func jsonReport(_ results: [CaseResult], address: String, library: String) -> JSONText {
  let tally = Tally(results)
  return [
    "function": .string(address), "library": .string(library),
    "passed": .integer(Int64(tally.passed)), "failed": .integer(Int64(tally.failed)),
    "skipped": .integer(Int64(tally.skipped)), "cases": .array(results.map(\.json)),
  ]
}
