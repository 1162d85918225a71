import CloudstateModel
import ClusterControl
import FoundationEssentials
import TestSupport
import Testing

@Suite struct CommandScalerTests {
  @Test(
    "The wanted number is the last argument and in the environment, and the names of who leaves are there"
  )
  func request() async throws {
    let folder = try TemporaryDirectory()
    let file = "\(folder.path)/said"
    let scaler = try scaler([
      "/bin/sh", "-c",
      #"echo "$1 $2 $CS_SCALE $CS_MEMBERS $CS_SERVICE $EXTRA [$CS_LEAVING]" > "$0""#, file,
      "a b; exit 3 $(exit 4)",
    ])
    try await scaler.request(7, leaving: [])
    #expect(try content(file) == "a b; exit 3 $(exit 4) 7 7 2 cart kept []\n")
    try await scaler.request(1, leaving: [try node("cart-9"), try node("cart-10")])
    #expect(try content(file) == "a b; exit 3 $(exit 4) 1 1 2 cart kept [cart-9 cart-10]\n")
  }

  @Test("What the show command writes is the scale, and without one the members are")
  func observe() async throws {
    let shown = try await scaler(["/bin/true"], show: ["/bin/echo", "5"]).observe()
    #expect(shown == DeploymentScale(name: "cart", ready: 2, scale: 5))
    #expect(try await scaler(["/bin/true"]).observe().scale == 2)
    let error = await #expect(throws: ScalerError.self) {
      _ = try await scaler(["/bin/true"], show: ["/bin/echo", "some"]).observe()
    }
    #expect(error?.code == .malformedAnswer)
  }

  @Test("Exit codes and signals are failures that quote what the command said")
  func failures() async throws {
    let failed = await error(["/bin/sh", "-c", "echo quota is used up >&2; exit 3"])
    #expect(failed?.code == .failed)
    #expect(failed?.message.contains("exit code 3") == true)
    #expect(failed?.message.contains("quota is used up") == true)
    let killed = await error(["/bin/sh", "-c", "kill -9 $$"])
    #expect(killed?.code == .failed)
    #expect(killed?.message.contains("signal") == true)
    let missing = await error(["/does/not/exist"])
    #expect(missing?.code == .failed)
    #expect(missing?.message.contains("/does/not/exist") == true)
  }

  @Test("A command that does not end is killed with what it started")
  func timeout() async throws {
    let folder = try TemporaryDirectory()
    let file = "\(folder.path)/child"
    let stuck = await error(
      ["/bin/sh", "-c", #"sleep 600 & echo $! > "$0"; wait"#, file],
      timeout: .milliseconds(500))
    #expect(stuck?.code == .timeout)
    let child = try #require(Int32(try content(file).filter(\.isNumber)))
    try await eventually("the child is gone") { !isRunning(child) }
  }

  @Test("A command nobody waits for any more is killed with what it started")
  func cancelled() async throws {
    let folder = try TemporaryDirectory()
    let file = "\(folder.path)/child"
    let scaler = try scaler(
      ["/bin/sh", "-c", #"sleep 600 & echo $! > "$0.new"; mv "$0.new" "$0"; wait"#, file],
      timeout: .seconds(60))
    let request = Task { try await scaler.request(3, leaving: []) }
    try await eventually("the command runs") { FileManager.default.fileExists(atPath: file) }
    request.cancel()
    let error = await #expect(throws: ScalerError.self) { try await request.value }
    #expect(error?.code == .failed)
    let child = try #require(Int32(try content(file).filter(\.isNumber)))
    try await eventually("the child is gone") { !isRunning(child) }
  }

  @Test("What a command leaves running does not hold it up, and long output does not either")
  func output() async throws {
    let scaler = try scaler(
      ["/bin/sh", "-c", "head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2; sleep 600 &"])
    try await scaler.request(1, leaving: [])
  }

  @Test("A command must be an absolute path")
  func configuration() {
    for command in [[], [""], ["kubectl"], ["./scale"], ["/bin/sh", "a\0b"]] {
      #expect(throws: ScalerError.self) {
        try CommandScalerConfiguration(command: command, environment: [:]).validate()
      }
    }
    #expect(throws: ScalerError.self) {
      try CommandScalerConfiguration(
        command: ["/bin/true"], showCommand: ["show"], environment: [:]
      ).validate()
    }
  }

  private func scaler(
    _ command: [String], show: [String]? = nil, timeout: Duration = .seconds(20)
  ) throws -> CommandScaler {
    try CommandScaler(
      service: try service(),
      configuration: CommandScalerConfiguration(
        command: command, showCommand: show,
        environment: ["EXTRA": "kept", "CS_LEAVING": "inherited", "PATH": "/usr/bin:/bin"],
        timeout: timeout),
      members: { 2 })
  }

  private func error(_ command: [String], timeout: Duration = .seconds(20)) async -> ScalerError? {
    do {
      try await scaler(command, timeout: timeout).request(3, leaving: [])
      return nil
    } catch {
      return error as? ScalerError
    }
  }
}

private func content(_ path: String) throws -> String {
  String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
}

/// A process that has ended but that nobody has reaped does not run.
private func isRunning(_ pid: Int32) -> Bool {
  guard let status = try? content("/proc/\(pid)/status") else { return false }
  return !status.contains("State:\tZ")
}
