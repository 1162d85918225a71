/// The run in the XML that build servers read: a suite for each group.
package func junitReport(_ results: [CaseResult]) -> String {
  var lines = ["<?xml version=\"1.0\" encoding=\"UTF-8\"?>"]
  lines.append("<testsuites name=\"cs-tck\" \(counts(results))>")
  for group in TestGroup.allCases {
    let members = results.filter { $0.testCase.group == group }
    guard !members.isEmpty else { continue }
    lines.append("  <testsuite name=\"\(group.rawValue)\" \(counts(members))>")
    for result in members {
      let verdict = Verdict(result, expectedFailure: nil)
      lines += junitElement(result, verdict, className: "tck.\(group.rawValue)")
    }
    lines.append("  </testsuite>")
  }
  lines.append("</testsuites>")
  return lines.joined(separator: "\n") + "\n"
}

private func counts(_ results: [CaseResult]) -> String {
  let tally = Tally(results)
  let time = seconds(results.reduce(.zero) { $0 + $1.duration })
  return "tests=\"\(results.count)\" failures=\"\(tally.failed)\" errors=\"0\" "
    + "skipped=\"\(tally.skipped)\" time=\"\(time)\""
}

/// One case. The class is escaped already.
func junitElement(_ result: CaseResult, _ verdict: Verdict, className: String) -> [String] {
  let testCase = result.testCase
  let open =
    "    <testcase classname=\"\(className)\" "
    + "name=\"\(escaped("\(testCase.id) \(testCase.title)"))\" "
    + "time=\"\(seconds(result.duration))\""
  func holding(_ element: String) -> [String] {
    ["\(open)>", "      \(element)", "    </testcase>"]
  }
  switch (result.outcome, verdict) {
  case (_, .failedAsExpected(let reason)):
    return holding("<skipped message=\"\(escaped("known to fail: \(reason)"))\"/>")
  case (_, .passedUnexpectedly(let reason)):
    let message = "passes, but is said to fail: \(reason)"
    return holding("<failure message=\"\(escaped(message))\"/>")
  case (.passed, _): return ["\(open)/>"]
  case (.skipped(let missing), _):
    let reason = escaped("not served: \(missing.joined(separator: ", "))")
    return holding("<skipped message=\"\(reason)\"/>")
  case (.failed(let failure), _):
    let text = """
      at: \(failure.step)
      expected: \(failure.expected)
      received: \(failure.received)
      clause: \(testCase.section) \(testCase.id): \(testCase.clause)
      """
    let message = escaped("expected \(failure.expected), received \(failure.received)")
    return holding("<failure message=\"\(message)\">\(escaped(text))</failure>")
  }
}

/// Seconds with three digits after the point, whatever the locale.
private func seconds(_ duration: Duration) -> String {
  let milliseconds = Int64(duration / .milliseconds(1))
  let fraction = String(milliseconds % 1000)
  return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
}

/// A text for an attribute or an element (XML 1.0, section 2.4); characters that XML cannot hold are
/// replaced.
func escaped(_ text: String) -> String {
  var output = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "&": output += "&amp;"
    case "<": output += "&lt;"
    case ">": output += "&gt;"
    case "\"": output += "&quot;"
    // As references, since readers turn those of attributes into spaces.
    case "\n", "\t", "\r": output += "&#\(scalar.value);"
    case "\u{0}"..."\u{1f}", "\u{fffe}", "\u{ffff}": output += "\u{fffd}"
    default: output.unicodeScalars.append(scalar)
    }
  }
  return output
}
