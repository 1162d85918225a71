import CommandLineKit
import GRPCTransport
import Testing

@testable import CompatibilityKit

/// Files of combinations, and how results are seen with what is expected.
@Suite struct CombinationTests {
  private func read(_ text: String) throws -> [Combination] {
    try combinations(in: text, file: "tck.yaml", folder: "/work/here")
  }

  private func result(_ id: String, _ outcome: CaseOutcome) throws -> CaseResult {
    let testCase = try #require((allCases + cartCases).first { $0.id == id })
    return CaseResult(testCase: testCase, outcome: outcome, duration: .milliseconds(5))
  }

  private let failure = CaseOutcome.failed(
    CaseFailure(step: "C1", expected: "this", received: "that"))

  @Test("A file says what is started, where, and what is run")
  func file() throws {
    let found = try read(
      """
      version: 1
      combinations:
        - name: both
          function: { command: ./function --loud, env: { PORT: "${port}" }, directory: ../there }
          proxy: { command: proxy }
          suites: [model, proxy]
          expected-failures:
            - { case: "CRP*", reason: no CRDTs }
          wait: 5s
        - name: cart
          function: { command: python }
          suites: [cart]
        - name: inside
          function: embedded
          proxy: { command: "node ${tap}" }
          suites: [proxy]
      """)
    let both = try #require(found.first)
    #expect(both.function?.command == "./function --loud")
    #expect(both.function?.environment == ["PORT": "${port}"])
    #expect(both.function?.directory == "/work/there")
    #expect(both.proxy?.directory == "/work/here")
    #expect(both.wait == .seconds(5))
    #expect(both.cases.map(\.part).contains(.scripted) == false)
    #expect(both.cases.count == allCases.filter { $0.part != .scripted }.count)
    #expect(try both.expectedFailure(of: result("CRP3", failure).testCase) == "no CRDTs")
    #expect(try both.expectedFailure(of: result("RF1", failure).testCase) == nil)
    // Without a proxy, the part that needs none.
    #expect(found[1].cases.map(\.id) == ["SC1", "SCM2", "SCM3"])
    #expect(found[2].isFunctionInside && found[2].function == nil && !found[1].isFunctionInside)
  }

  @Test("Every mistake is told with its place, before anything is started")
  func mistakes() {
    let text = """
      version: 2
      combinations:
        - name: one
          functions: { command: x }
          suites: [modle]
        - name: two
          function: { command: "'open" }
          suites: [proxy, cart]
          expected-failures:
            - { case: XYZ9, reason: typo }
        - name: three
          function: embedded
          proxy: { command: x }
          suites: [proxy, scripted]
      """
    #expect {
      try read(text)
    } throws: { error in
      guard let error = error as? ProgramError, error.status == .usage else { return false }
      return [
        "tck.yaml:1:10: write version: 1",
        "tck.yaml:4:5: unknown key 'functions' in a combination; did you mean 'function'?",
        "did you mean 'model'?", "two needs a proxy for its suites",
        "cart goes with no other suite", "command of the function of two is no command line",
        "two runs no case 'XYZ9'",
        "tck.yaml:14:13: an embedded function goes with the suite proxy alone",
      ].allSatisfy { error.message.contains($0) }
    }
    #expect(throws: ProgramError.self) { try read("") }
    #expect(throws: ProgramError.self) { try read("a: [") }
    #expect(throws: ProgramError.self) { try read("version: 1\ncombinations: []") }
  }

  @Test("A known failure is no failure, and one that passes is")
  func verdicts() throws {
    #expect(Verdict(try result("AM2", .passed), expectedFailure: nil) == .passed)
    #expect(Verdict(try result("AM2", failure), expectedFailure: nil) == .failed)
    let known = Verdict(try result("AM2", failure), expectedFailure: "known")
    #expect(known == .failedAsExpected(reason: "known") && known.isGood)
    let mended = Verdict(try result("AM2", .passed), expectedFailure: "known")
    #expect(mended == .passedUnexpectedly(reason: "known") && !mended.isGood)
    #expect(
      Verdict(try result("AM2", .skipped(missing: ["x"])), expectedFailure: "known") == .skipped)
  }

  private func combinationResult(_ results: [CaseResult]) throws -> CombinationResult {
    let combination = try #require(
      try read(
        """
        version: 1
        combinations:
          - name: "a & b"
            function: { command: x }
            suites: [model]
            expected-failures: [{ case: AM3, reason: known }]
        """
      ).first)
    var result = CombinationResult(combination: combination)
    result.results = results
    return result
  }

  @Test("Only what went as expected, and ran, is good")
  func goodness() throws {
    let passed = try result("AM2", .passed)
    let known = try result("AM3", failure)
    #expect(try combinationResult([passed, known]).isGood)
    #expect(try !combinationResult([passed, result("AM3", .passed)]).isGood)
    #expect(try !combinationResult([passed, result("AM4", failure)]).isGood)
    #expect(try !combinationResult([result("AM2", .skipped(missing: []))]).isGood)
    var broken = try combinationResult([passed])
    broken.problem = "no"
    #expect(!broken.isGood)
  }

  @Test("The table, JSON and JUnit tell the verdicts")
  func reports() throws {
    let found = try combinationResult([
      result("AM2", .passed), result("AM3", failure), result("AM4", failure),
    ])
    #expect(
      summaryTable([found]) == [
        "", "combination  passed  failed  known  mended  skipped",
        "a & b             1       1      1       0        0  FAILED",
      ])
    let xml = junitReport([found])
    #expect(
      xml.contains("name=\"a &amp; b\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\""))
    #expect(xml.contains("<skipped message=\"known to fail: known\"/>"))
    #expect(xml.contains("clause: 5.1 AM4: "))
    let json = jsonReport([found]).compact
    #expect(json.contains("\"failedAsExpected\":1"))
    #expect(json.contains("\"verdict\":\"failed as expected\",\"reason\":\"known\""))
  }

  @Test("Commands know the folder of our programs, and refuse what has no value")
  func commands() throws {
    let command = try ProxyCommand("${bin}/proxy '--to ${function}' ${listen} ${port} ${data}")
      .command(link: .tcp(host: "127.0.0.1", port: 1), port: 2, data: "/d")
    #expect(command.words.first?.hasPrefix("/") == true)
    #expect(command.words.dropFirst() == ["--to 127.0.0.1:1", "127.0.0.1:2", "2", "/d"])
    let inside = try ProxyCommand("node --tap ${tap}", isFunctionInside: true)
      .command(link: .tcp(host: "127.0.0.1", port: 1), port: 2, data: "/d")
    #expect(inside.words == ["node", "--tap", "127.0.0.1:1"])
    #expect(throws: ProgramError.self) { try ProxyCommand("node --tap ${tap}") }
    #expect(throws: ProgramError.self) {
      try ProxyCommand("node --to ${function}", isFunctionInside: true)
    }
    #expect(throws: ProgramError.self) { try ProxyCommand("proxy ${no.such.name}") }
    #expect(throws: ProgramError.self) { try ProxyCommand("") }
    #expect(throws: ProgramError.self) { try ProxyCommand("'") }
  }

  @Test("A program is started, watched, heard and stopped with what it started")
  func process() async throws {
    let folder = try ScratchFolder()
    let command = try kitCommand(
      "sh -c 'echo started $WORD; sleep 1000 & sleep 1000'", environment: ["WORD": "well"],
      directory: folder.path, variables: [:])
    let log = "\(folder.path)/log"
    let process = try await KitProcess.start(command, log: log)
    let clock = ContinuousClock()
    let end = clock.now + .seconds(10)
    while process.lastLines() != "started well" && clock.now < end { await Task.yield() }
    #expect(process.lastLines() == "started well")
    #expect(process.isRunning)
    await process.stop()
    #expect(!process.isRunning)
    await #expect(throws: ProgramError.self) {
      try await KitProcess.start(
        KitCommand(words: ["no-such-program"], environment: [:], directory: "/"), log: log)
    }
  }
}
