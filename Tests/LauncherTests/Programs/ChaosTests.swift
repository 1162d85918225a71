import CommandLineKit
import Glibc
import TestSupport
import Testing

@testable import Launcher

/// Commands to a running `cs-up`, with stand-ins for the programs it starts.
@Suite("cs-up while it runs", .serialized)
struct ChaosTests {
  private func start(_ standIns: StandIns, _ arguments: String...) async throws -> RunningProgram {
    let up = try RunningProgram(["start", standIns.topology, "--bin", standIns.path] + arguments)
    try await eventually("ready") { up.output.contains("shop is ready") }
    return up
  }

  /// Runs a command about the run to its end.
  private func tell(
    _ standIns: StandIns, _ arguments: String...
  ) async throws -> (exit: ProcessExit, talk: String, output: String) {
    let program = try RunningProgram(arguments + ["--data", standIns.data])
    let exit = try await program.end()
    return (exit, program.errors, program.output)
  }

  private func process(_ standIns: StandIns, _ name: String) throws -> RunState.Process? {
    try RunState(in: RunLayout(data: standIns.data)).processes.first { $0.name == name }
  }

  private func processState(_ pid: pid_t?) -> String? {
    guard let pid, let status = try? readFile("/proc/\(pid)/stat") else { return nil }
    return status.split(separator: ")").last?.split(separator: " ").first.map(String.init)
  }

  @Test("kill, kill --keep-down, start, pause, resume and restart")
  func orders() async throws {
    let standIns = try StandIns()
    let up = try await start(standIns)
    let first = try process(standIns, "cart-1")?.pid
    let kill = try await tell(standIns, "kill", "cart-1")
    #expect(kill.exit == .code(0), "\(kill.talk)")
    #expect(kill.talk.contains("cart-1 was killed; it is started again as after a crash"))
    try await eventually("cart-1 is back") {
      let now = try process(standIns, "cart-1")
      return now?.state == "ready" && now?.pid != first
    }

    _ = try await tell(standIns, "kill", "cart-1/function", "--keep-down")
    try await eventually("the function is down") {
      try process(standIns, "cart-1-function")?.state == "down"
    }
    let again = try await tell(standIns, "kill", "cart-1/function")
    #expect(again.exit == .code(7))
    #expect(again.talk.contains("cart-1-function is down"))
    let started = try await tell(standIns, "start", "cart-1/function")
    #expect(started.exit == .code(0), "\(started.talk)")
    try await eventually("the function is back") {
      try process(standIns, "cart-1-function")?.state == "ready"
    }

    let pid = try process(standIns, "cart-1")?.pid
    #expect(try await tell(standIns, "pause", "cart-1").exit == .code(0))
    #expect(processState(pid) == "T")
    let table = try await tell(standIns, "ps")
    #expect(table.output.contains("paused"))
    #expect(try await tell(standIns, "resume", "cart-1").exit == .code(0))
    try await eventually("it goes on") { processState(pid) == "S" }

    let restart = try await tell(standIns, "restart", "coordinator", "-o", "jsonl")
    #expect(
      restart.output == """
        {"version":1,"ok":true,"message":"coordinator stops and is started again","status":0}

        """)
    try await eventually("the coordinator is back") {
      let now = try process(standIns, "coordinator")
      return now?.state == "ready" && now?.restarts == 1
    }
    #expect(standIns.journal.filter { $0 == "stop coordinator" }.count == 1)

    let unknown = try await tell(standIns, "kill", "cart-11")
    #expect(unknown.exit == .code(5))
    #expect(unknown.talk.contains("there are coordinator, cart-1-function, cart-1"))
    let noLinks = try await tell(standIns, "partition", "cart-1")
    #expect(noLinks.exit == .code(7))
    #expect(noLinks.talk.contains("write chaos: true into"))
    up.send(SIGTERM)
    #expect(try await up.end() == .code(0))
  }

  @Test("a paused node does not hold up the end")
  func pausedEnd() async throws {
    let standIns = try StandIns()
    let up = try await start(standIns)
    _ = try await tell(standIns, "pause", "cart-1")
    up.send(SIGTERM)
    #expect(try await up.end() == .code(0))
    #expect(standIns.journal.contains("stop cart-1"))
  }

  @Test("the control socket is for its user alone, and answers nonsense with status 2")
  func socket() async throws {
    let standIns = try StandIns()
    let up = try await start(standIns)
    let layout = RunLayout(data: standIns.data)
    var information = stat()
    #expect(stat("\(layout.run)/\(RunLayout.controlSocket)", &information) == 0)
    #expect(information.st_mode & 0o777 == 0o600)
    for text in ["nonsense\n", #"{"version":2,"verb":"kill"}"# + "\n"] {
      let descriptor = try LocalSocket.connect(
        folder: layout.run, name: RunLayout.controlSocket)
      defer { close(descriptor) }
      #expect(write(descriptor, text, text.utf8.count) == text.utf8.count)
      var answer: [UInt8] = []
      try await eventually("an answer") {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        answer += buffer.prefix(max(0, count))
        return answer.last == UInt8(ascii: "\n")
      }
      let reply = try ControlAnswer(line: answer)
      #expect(!reply.ok)
      #expect(reply.status == 2)
    }
    up.send(SIGTERM)
    #expect(try await up.end() == .code(0))
  }

  @Test("scaled up, nodes join; scaled down, the highest hand over their shards before they stop")
  func scale() async throws {
    let standIns = try StandIns()
    let up = try await start(standIns)
    let more = try await tell(standIns, "scale", "cart=3")
    #expect(more.exit == .code(0), "\(more.talk)")
    #expect(more.talk.contains("cart has 3 nodes"))
    #expect(try process(standIns, "cart-3")?.state == "ready")
    #expect(try process(standIns, "cart-3-function")?.state == "ready")
    #expect(access("\(standIns.data)/cart-3", F_OK) == 0)

    let fewer = try RunningProgram(["scale", "cart=1", "--data", standIns.data])
    try await eventually("both drain") {
      standIns.journal.contains("drain cart-3 at coordinator")
        && standIns.journal.contains("drain cart-2 at coordinator")
    }
    try await eventually("its progress") { fewer.errors.contains("cart-3 has 3 shards left") }
    let busy = try await tell(standIns, "scale", "cart=4")
    #expect(busy.exit == .code(7))
    try standIns.control("cart-2.moved")
    #expect(!standIns.journal.contains { $0.hasPrefix("stop cart") })
    try standIns.control("cart-3.moved")
    #expect(try await fewer.end() == .code(0), "\(fewer.errors)")
    #expect(fewer.errors.contains("cart has 1 node"))
    let stops = standIns.journal.filter { $0.hasPrefix("stop cart") }
    #expect(stops == ["stop cart-3", "stop cart-2"])
    #expect(try process(standIns, "cart-2") == nil)
    #expect(access("\(standIns.data)/cart-3", F_OK) != 0)
    #expect(access("\(standIns.data)/drained/cart-3", F_OK) == 0)

    // As an autoscaler asks: it does not wait, and may ask for the same again.
    for _ in 0..<2 {
      var request = ControlRequest(verb: .scale)
      (request.service, request.nodes, request.waits) = ("cart", 4, false)
      let answer = try RunControl(layout: RunLayout(data: standIns.data)).ask(request)
      #expect(answer.nodes == 4)
    }
    var question = ControlRequest(verb: .nodes)
    question.service = "cart"
    try await eventually("four nodes are ready") {
      let answer = try RunControl(layout: RunLayout(data: standIns.data)).ask(question)
      #expect(answer.nodes == 4)
      return answer.ready == 4
    }
    standIns.release("cart-2.moved")
    standIns.release("cart-3.moved")
    try standIns.control("cart-4.moved")
    let begun = try await tell(standIns, "scale", "cart=3", "--no-wait")
    #expect(begun.exit == .code(0), "\(begun.talk)")
    try await eventually("three nodes are left") {
      try RunControl(layout: RunLayout(data: standIns.data)).ask(question).ready == 3
    }
    try await eventually("and that is done") {
      try RunState(in: RunLayout(data: standIns.data)).activity == nil
    }
    let again = try await tell(standIns, "scale", "cart=5", "-j")
    #expect(again.output.contains("\"nodes\": 5"), "\(again.talk)")
    #expect(try process(standIns, "cart-5")?.state == "ready")
    up.send(SIGTERM)
    #expect(try await up.end() == .code(0))
  }

  @Test(
    "stopped or killed while nodes leave, the next start undrains them, and only once",
    arguments: [SIGTERM, SIGKILL])
  func endsWhileNodesLeave(_ signal: Int32) async throws {
    let standIns = try StandIns()
    let up = try await start(standIns, "--nodes", "3")
    let begun = try await tell(standIns, "scale", "cart=1", "--no-wait")
    #expect(begun.exit == .code(0), "\(begun.talk)")
    try await eventually("both drain") {
      standIns.journal.contains("drain cart-3 at coordinator")
        && standIns.journal.contains("drain cart-2 at coordinator")
    }
    up.send(signal)
    _ = try await up.end()
    #expect(!standIns.journal.contains { $0.hasPrefix("undrain") })
    let notes = RunLayout(data: standIns.data).drainNotes
    #expect(try readFile(notes) == "cart-2\ncart-3\n")

    try standIns.control("undrain.silent")
    let next = try await start(standIns, "--nodes", "3")
    try await eventually("the drains are taken back") {
      standIns.journal.contains("undrain cart-2 at coordinator")
        && standIns.journal.contains("undrain cart-3 at coordinator")
    }
    #expect(access(notes, F_OK) == 0, "the coordinator has not taken it in")
    standIns.release("undrain.silent")
    try await eventually("that is done") { access(notes, F_OK) != 0 }
    next.send(SIGTERM)
    #expect(try await next.end() == .code(0))
    let undrains = standIns.journal.count { $0.hasPrefix("undrain") }
    let last = try await start(standIns, "--nodes", "3")
    last.send(SIGTERM)
    #expect(try await last.end() == .code(0))
    #expect(standIns.journal.count { $0.hasPrefix("undrain") } == undrains)
  }

  @Test("a drain that is refused or takes too long leaves the nodes as they are")
  func scaleRefused() async throws {
    let standIns = try StandIns()
    let up = try await start(standIns, "--nodes", "2")
    try standIns.control("drain.refused")
    let refused = try await tell(standIns, "scale", "cart=1")
    #expect(refused.exit == .code(7))
    #expect(refused.talk.contains("does not drain cart-2: no room elsewhere; cart has 2 nodes"))
    standIns.release("drain.refused")
    try standIns.control("undrain.silent")
    let late = try await tell(standIns, "scale", "cart=1", "--timeout", "1500ms", "-j")
    #expect(late.exit == .code(3), "\(late.talk)")
    #expect(late.talk.contains("not all shards could be moved in time (cart-2 has 3)"))
    try await eventually("the drain is to be taken back, and that is said again") {
      standIns.journal.count { $0 == "undrain cart-2 at coordinator" } >= 2
    }
    let early = try await tell(standIns, "scale", "cart=1")
    #expect(early.exit == .code(7))
    #expect(early.talk.contains("has not taken in yet that cart-2 stays"), "\(early.talk)")
    standIns.release("undrain.silent")
    try await eventually("the drain is taken back, and nodes can be given up again") {
      try await tell(standIns, "scale", "cart=1", "--timeout", "1ms").exit == .code(3)
    }
    #expect(try process(standIns, "cart-2")?.state == "ready")
    let wrong = try await tell(standIns, "scale", "cort=1")
    #expect(wrong.exit == .code(5))
    #expect(wrong.talk.contains("try: cs-up scale cart=1"))
    up.send(SIGTERM)
    #expect(try await up.end() == .code(0))
  }
}
