import Glibc
import TestSupport
import Testing

/// The helper that starts programs for other tests; checked here with programs every system has.
@Suite struct TestProcessTests {
  @Test("Output, variables and exit code are captured")
  func capture() async throws {
    let process = try TestProcess(
      "/bin/sh", ["-c", "echo out $COLOR; echo err >&2; exit 3"], environment: ["COLOR": "red"])
    #expect(try await process.waitForExit() == .code(3))
    #expect(process.output(.standardOutput) == "out red\n")
    #expect(process.output(.standardError) == "err\n")
  }

  @Test("A line is awaited, a signal ends the program")
  func signal() async throws {
    let process = try TestProcess("/bin/sh", ["-c", "echo ready >&2; exec sleep 60"])
    #expect(try await process.waitForLine(containing: "rea") == "ready")
    #expect(process.exitIfEnded() == nil)
    process.signal(SIGTERM)
    #expect(try await process.waitForExit() == .signal(SIGTERM))
  }

  @Test(
    "A line that cannot come any more is an error at once, one that does not come after a while")
  func missingLine() async throws {
    let ended = try TestProcess("/bin/sh", ["-c", "echo almost >&2"])
    await #expect(throws: TestProcess.Failure.self) {
      try await ended.waitForLine(containing: "ready", within: .seconds(60))
    }
    let silent = try TestProcess("/bin/sleep", ["60"])
    await #expect(throws: TestProcess.Failure.self) {
      try await silent.waitForLine(containing: "ready", within: .milliseconds(20))
    }
  }

  @Test("When the value goes away, the program and its children are gone")
  func cleanUp() async throws {
    var process: TestProcess? = try TestProcess(
      "/bin/sh", ["-c", "sleep 60 & echo child $!; wait"])
    let line = try await process?.waitForLine(containing: "child", in: .standardOutput)
    let child = try #require(line.flatMap { pid_t($0.dropFirst(6)) })
    let group = try #require(process?.processID)
    #expect(kill(child, 0) == 0)
    process = nil
    #expect(kill(group, 0) == -1)
    // The child is reaped by the system's first process, soon after its death.
    try await eventually("the child is gone") { kill(child, 0) == -1 || isZombie(child) }
  }

  @Test("A program that does not exist cannot be started")
  func missingProgram() {
    #expect(throws: TestSetupError.self) { try TestProcess("/nonexistent/program") }
  }

  @Test("Free ports differ, and products are found beside the tests")
  func places() throws {
    #expect(try freePort() != freePort())
    #expect(try builtProduct("shopping-cart").hasSuffix("/shopping-cart"))
    #expect(throws: TestSetupError.self) { try builtProduct("no-such-program") }
  }

  private func isZombie(_ processID: pid_t) -> Bool {
    guard let file = fopen("/proc/\(processID)/stat", "r") else { return true }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 512)
    guard fgets(&line, 512, file) != nil else { return true }
    let text = String(
      decoding: line.map { UInt8(bitPattern: $0) }.prefix { $0 != 0 }, as: UTF8.self)
    return text.contains(") Z ")
  }
}
