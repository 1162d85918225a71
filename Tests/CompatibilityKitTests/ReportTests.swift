import CommandLineKit
import Testing

@testable import CompatibilityKit

@Suite struct ReportTests {
  private func results() throws -> [CaseResult] {
    let cases = try CaseSelection(["AM2", "AM10", "ESM4"]).choose(from: allCases)
    let failure = CaseFailure(
      step: "C1", expected: "R1 \"A\" +ev(A)", received: "R1 \"<A>\" &\n\u{1}")
    let outcomes: [CaseOutcome] = [.passed, .skipped(missing: ["x.Two"]), .failed(failure)]
    return zip(cases, outcomes).map {
      CaseResult(testCase: $0, outcome: $1, duration: .milliseconds(1050))
    }
  }

  @Test("People see a line for each case, and of a failure the clause")
  func text() throws {
    var report = TextReport(console: Console(color: .never))
    #expect(
      try results().flatMap { report.lines($0) } == [
        "Action (section 5.1)",
        "  ok   AM2    Unary: reply",
        "  skip AM10   Unary: forward (not served: x.Two)",
        "",
        "Event sourced entity (section 6.1)",
        "  FAIL ESM4   One event",
        "       at        C1",
        "       expected  R1 \"A\" +ev(A)",
        "       received  R1 \"<A>\" &\\n\u{1}",
        "       clause    6.1 ESM4: I; C1 [emit(A)]; R1 \"A\" +ev(A); C2 []; R2 \"A\"; P",
      ])
    #expect(report.summary(Tally(try results())) == "1 passed, 1 failed, 1 skipped")
  }

  @Test("JSON has the counts and all cases")
  func json() throws {
    let text = jsonReport(try results(), address: "h:1", library: "lib 2").compact
    #expect(
      text.hasPrefix(
        "{\"function\":\"h:1\",\"library\":\"lib 2\",\"passed\":1,\"failed\":1,\"skipped\":1,"
          + "\"cases\":[{\"case\":\"AM2\",\"title\":\"Unary: reply\",\"group\":\"action\","
          + "\"section\":\"5.1\","))
    #expect(text.contains("\"outcome\":\"skipped\",\"missing\":[\"x.Two\"],\"milliseconds\":1050}"))
    #expect(text.contains("\"outcome\":\"failed\",\"step\":\"C1\",\"expected\":"))
  }

  @Test("JUnit XML has a suite for each group that ran, and no character that XML cannot hold")
  func junit() throws {
    let lines = junitReport(try results()).split(separator: "\n").map(String.init)
    #expect(
      lines[1]
        == "<testsuites name=\"cs-tck\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" "
        + "time=\"3.150\">")
    #expect(lines.filter { $0.contains("<testsuite ") }.count == 2)
    #expect(lines.contains("      <skipped message=\"not served: x.Two\"/>"))
    let failure =
      "      <failure message=\"expected R1 &quot;A&quot; +ev(A), received R1 "
      + "&quot;&lt;A&gt;&quot; &amp;&#10;\u{fffd}\">at: C1&#10;expected: R1 &quot;A&quot; +ev(A)&#10;"
    #expect(lines.contains { $0.hasPrefix(failure) })
  }
}
