import CommandLineKit
import Glibc
import TestSupport
import Testing

@testable import Launcher

/// `cs-up` itself, with stand-ins for the programs it starts.
@Suite("cs-up", .serialized)
struct UpTests {
  private func start(_ standIns: StandIns, _ arguments: String...) throws -> RunningProgram {
    try RunningProgram(["start", standIns.topology, "--bin", standIns.path] + arguments)
  }

  /// Runs a command to its end.
  private func run(_ arguments: String...) async throws -> (exit: ProcessExit, RunningProgram) {
    let program = try RunningProgram(arguments)
    return (try await program.end(), program)
  }

  private func state(_ standIns: StandIns) throws -> RunState {
    try RunState(in: RunLayout(data: standIns.data))
  }

  private func pids(_ standIns: StandIns) throws -> [pid_t] {
    try state(standIns).processes.compactMap(\.pid)
  }

  @Test("starts in order, tells addresses, stops in order with status 0")
  func wholeRun() async throws {
    let standIns = try StandIns()
    let up = try start(standIns, "--nodes", "2")
    try await eventually("ready") { up.output.contains("shop is ready") }
    let state = try state(standIns)
    #expect(state.phase == .ready)
    #expect(state.nodes.map(\.name) == ["cart-1", "cart-2"])
    for node in state.nodes { #expect(up.output.contains(try #require(node.publicAddress))) }
    #expect(up.output.contains("cs-tail -s"))
    #expect(up.errors.contains("hello from cart-2"))
    let pids = try pids(standIns)
    #expect(pids.count == 5)
    #expect(pids.allSatisfy(isRunning))
    let starts = standIns.journal
    let firstNode = try #require(starts.firstIndex { $0.hasPrefix("start cart-") })
    #expect(starts[..<firstNode].contains("start coordinator"))
    #expect(starts[..<firstNode].contains("start function"))

    up.send(SIGTERM)
    #expect(try await up.end() == .code(0))
    let stops = standIns.journal.filter { $0.hasPrefix("stop") }
    #expect(stops[..<2].sorted() == ["stop cart-1", "stop cart-2"])
    #expect(stops[2...] == ["stop function", "stop function", "stop coordinator"])
    #expect(!pids.contains(where: isRunning))
    let log = try readFile("\(standIns.data)/logs/cart-1.log")
    #expect(log == "hello from cart-1\n")
  }

  @Test("a crashed function and a crashed node are started again")
  func restart() async throws {
    let standIns = try StandIns()
    let up = try start(standIns)
    try await eventually("ready") { up.output.contains("shop is ready") }
    for name in ["cart-1-function", "cart-1"] {
      let before = try #require(try state(standIns).processes.first { $0.name == name }?.pid)
      kill(before, SIGKILL)
      try await eventually("\(name) is back") {
        let process = try state(standIns).processes.first { $0.name == name }
        return process?.state == "ready" && process?.restarts == 1 && process?.pid != before
      }
      #expect(
        up.errors.contains("\(name) was ended by signal 9; starting it again in 250ms"))
      #expect(up.errors.contains("\(name) is ready again"))
    }
    up.send(SIGINT)
    #expect(try await up.end() == .code(0))
  }

  @Test("when cs-up is killed, nothing is left behind")
  func killed() async throws {
    let standIns = try StandIns()
    let up = try start(standIns, "--nodes", "2")
    try await eventually("ready") { up.output.contains("shop is ready") }
    let pids = try pids(standIns)
    #expect(pids.count == 5)
    up.send(SIGKILL)
    #expect(try await up.end() == .signal(9))
    try await eventually("all children end") { !pids.contains(where: isRunning) }
    #expect(RunLock.holder(of: RunLayout(data: standIns.data)) == nil)
    let (exit, ps) = try await run("ps", "--data", standIns.data)
    #expect(exit == .code(5))
    #expect(ps.errors.contains("no topology runs in"))
  }

  @Test("--detach, ps, logs and down")
  func background() async throws {
    let standIns = try StandIns()
    let (started, up) = try await run("-d", standIns.topology, "--bin", standIns.path)
    #expect(started == .code(0))
    #expect(up.output.contains("shop is ready"))
    let pids = try pids(standIns) + [state(standIns).pid]
    #expect(pids.count == 4)
    #expect(pids.allSatisfy(isRunning))

    let (ps, listing) = try await run("ps", standIns.topology, "-o", "json")
    #expect(ps == .code(0))
    #expect(listing.output.contains("\"phase\": \"ready\""))
    let (logs, lines) = try await run(
      "logs", standIns.topology, "cart-1", "coordinator", "-o", "jsonl")
    #expect(logs == .code(0))
    #expect(
      lines.output == """
        {"process":"cart-1","line":"hello from cart-1"}
        {"process":"coordinator","line":"hello from coordinator"}

        """)
    let (again, second) = try await run(standIns.topology, "--bin", standIns.path)
    #expect(again == .code(7))
    #expect(second.errors.contains("a topology already runs in"))

    let follower = try RunningProgram(["logs", "-f", standIns.topology])
    try await eventually("the follower reads") { follower.output.contains("hello from cart-1") }
    let (down, stopped) = try await run("down", standIns.topology, "-j")
    #expect(down == .code(0))
    #expect(stopped.output.contains("\"stopped\": true"))
    #expect(!pids.contains(where: isRunning))
    #expect(try await follower.end() == .code(0), "\(follower.errors)")
    let (none, _) = try await run("down", standIns.topology)
    #expect(none == .code(5))
  }

  @Test("an ephemeral topology runs in the background and leaves no data")
  func ephemeral() async throws {
    let standIns = try StandIns()
    let name = "shop-\(getpid())"
    try writeAtomically(
      standIns.topology,
      "version: 1\nname: \(name)\nephemeral: true\n\(StandIns.oneService)\n")
    let (started, up) = try await run(
      "-d", standIns.topology, "--bin", standIns.path, "-o", "jsonl")
    #expect(started == .code(0), "\(up.errors)")
    let data = try EphemeralFolder.path(topology: name)
    #expect(up.output.contains("\"data\":\"\(data)\""))
    #expect(access(data, F_OK) == 0)
    let (down, _) = try await run("down", standIns.topology)
    #expect(down == .code(0))
    #expect(access(data, F_OK) != 0)
  }

  @Test("a function on a Unix socket")
  func unixSocket() async throws {
    let standIns = try StandIns(
      """
      services:
        - name: cart
          function: {command: ["${bin}/function"], socket: unix}
      """)
    let up = try start(standIns, "-o", "json")
    try await eventually("ready") { up.output.contains("\"phase\": \"ready\"") }
    up.send(SIGTERM)
    #expect(try await up.end() == .code(0))
  }

  @Test("a function that keeps exiting fails the launch with its last lines")
  func launchCrash() async throws {
    let standIns = try StandIns()
    try standIns.control("function.crash")
    let up = try start(standIns)
    #expect(try await up.end() == .code(1))
    #expect(up.errors.contains("error: cart-1-function exited with status 3"))
    #expect(up.errors.contains("  cart-1-function | cannot go on"))
    #expect(up.errors.contains("try: cs-up logs --data \(standIns.data) cart-1-function"))
    #expect(standIns.journal.filter { $0 == "start function" }.count == 3)
    #expect(standIns.journal.last == "stop coordinator")
    #expect(!standIns.journal.contains("start cart-1"))
  }

  @Test("a failed launch in the background tells why and with which status")
  func launchTimeout() async throws {
    let standIns = try StandIns()
    try standIns.control("cart-1.silent")
    let (exit, up) = try await run(
      "start", standIns.topology, "--bin", standIns.path, "-d", "--ready-timeout", "1500ms")
    #expect(exit == .code(3))
    #expect(up.errors.contains("error: cart-1 is not ready after 1500ms"))
    #expect(up.errors.contains("  cart-1 | hello from cart-1"))
    #expect(standIns.journal.last == "stop coordinator")
  }

  @Test("ps says what a process waits for")
  func waiting() async throws {
    let standIns = try StandIns()
    try standIns.control("coordinator.silent")
    let up = try start(standIns)
    try await eventually("the node waits") {
      let (exit, ps) = try await run("ps", standIns.topology)
      return exit == .code(0) && ps.output.contains("waiting for coordinator")
    }
    up.send(SIGINT)
    _ = try await up.end()
  }

  @Test("a failed launch in the background is told of although its folder is gone")
  func ephemeralFailure() async throws {
    let standIns = try StandIns()
    try writeAtomically(
      standIns.topology,
      """
      version: 1
      name: gone-\(getpid())
      ephemeral: true
      services:
        - name: cart
          function: {command: ["${bin}/missing"]}
      """)
    // Several times: the folder may go before anybody has looked, or after.
    for _ in 0..<5 {
      let (exit, up) = try await run("-d", standIns.topology, "--bin", standIns.path)
      #expect(exit == .code(2))
      #expect(up.errors.contains("does not exist or is not executable"), "\(up.errors)")
    }
  }

  @Test("fewer nodes than have data are refused: their shards would be out of reach")
  func fewerNodes() async throws {
    let standIns = try StandIns()
    let (first, _) = try await run(
      "start", "-d", standIns.topology, "--bin", standIns.path, "--nodes", "3")
    #expect(first == .code(0))
    _ = try await run("down", standIns.topology)
    let (exit, up) = try await run(
      "start", "-d", standIns.topology, "--bin", standIns.path, "--nodes", "2")
    #expect(exit == .code(7))
    #expect(up.errors.contains("on 3 nodes, and 2 are to be started"), "\(up.errors)")
    let (more, _) = try await run(
      "start", "-d", standIns.topology, "--bin", standIns.path, "--nodes", "4")
    #expect(more == .code(0))
    _ = try await run("down", standIns.topology)
  }

  @Test("a second signal kills what does not stop")
  func deaf() async throws {
    let standIns = try StandIns()
    try standIns.control("cart-1.deaf")
    let up = try start(standIns)
    try await eventually("ready") { up.output.contains("shop is ready") }
    let pids = try pids(standIns)
    up.send(SIGINT)
    try await eventually("stopping") { try state(standIns).phase == .stopping }
    #expect(pids.allSatisfy(isRunning))
    up.send(SIGINT)
    #expect(try await up.end() == .code(0))
    #expect(!pids.contains(where: isRunning))
  }

  @Test("a port in use is named before anything starts")
  func portInUse() async throws {
    var random = SystemRandomNumberGenerator()
    var ports = FreePorts(taken: [], using: &random)
    let base = try ports.next()
    let standIns = try StandIns("ports: {base: \(base)}\n\(StandIns.oneService)")
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    let address = try SocketAddress(.loopback(base))
    try #require(address.bind(listener) == 0 && listen(listener, 1) == 0)
    let up = try start(standIns)
    #expect(try await up.end() == .code(7))
    #expect(
      up.errors.contains(
        "shop.yaml:4: port \(base), the public port of cart-1, is in use by another program"))
    #expect(standIns.journal.isEmpty)
  }

  @Test("missing programs and mistakes in files are told with status 2")
  func mistakes() async throws {
    let standIns = try StandIns()
    let (exit, up) = try await run(standIns.topology, "--bin", "/nowhere")
    #expect(exit == .code(2))
    #expect(up.errors.contains("/nowhere/cs-coordinator does not exist or is not executable"))
    unlink("\(standIns.path)/function")
    let gone = try start(standIns)
    #expect(try await gone.end() == .code(2))
    #expect(gone.errors.contains("shop.yaml:6: the program of service 'cart' does not exist"))

    try writeAtomically(standIns.topology, "version: 1\nname: shop\nservces: []\n")
    let (wrong, check) = try await run("validate", standIns.topology, "-o", "jsonl")
    #expect(wrong == .code(2))
    #expect(check.output.contains("\"line\":3,\"column\":1,\"message\":\"unknown key 'servces'"))
    #expect(check.errors.contains("did you mean 'services'?"))
    let (usage, help) = try await run("--nosuch")
    #expect(usage == .code(2))
    #expect(help.errors.hasPrefix("error: "))
    let (missing, _) = try await run("validate", "/nowhere.yaml")
    #expect(missing == .code(2))
    let (version, printed) = try await run("--version")
    #expect(version == .code(0))
    #expect(printed.output == "\(programVersion)\n")
  }
}
