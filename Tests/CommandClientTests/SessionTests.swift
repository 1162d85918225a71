import CloudstateModel
import CloudstateProtocol
import CommandClient
import CommandLineKit
import DynamicProtobuf
import GRPCTransport
import NIOCore
import Synchronization
import TestSupport
import Testing

/// Whole runs against a scripted node over real connections.
@Suite struct SessionTests {
  private func runSend(
    _ session: ClientSession, _ configure: (inout SendPlan.Arguments) -> Void
  ) async throws -> CommandLineKit.ExitStatus {
    var arguments = SendPlan.Arguments()
    arguments.target = "Cart/Add"
    arguments.body = #"{"userId":"u","quantity":2}"#
    arguments.format = .json
    configure(&arguments)
    let run = SendRun(
      plan: try SendPlan(arguments), session: session, console: Console(verbosity: .quiet),
      wallClock: { Timestamp(unixMilliseconds: 1) })
    return try await run.run()
  }

  private func withReport(
    _ body: (String) async throws -> Void
  ) async throws -> [String] {
    let folder = try TemporaryDirectory()
    let path = "\(folder.path)/report.jsonl"
    try await body(path)
    return try readFile(path).split(separator: "\n").map(String.init)
  }

  @Test("Reflection gathers services and imports; a dead server is passed over")
  func discovery() async throws {
    try await FakeNode().serve { address in
      let found = try await testSession(deadAddress, address).discover()
      #expect(found.serverIndex == 1)
      let method = try found.catalog.resolve(.init("Cart/Add"))
      #expect(method.inputType == "test.Add")
      #expect(
        try found.pool.binary(fromJSON: #"{"quantity":2}"#, message: "test.Add") == [0x10, 2])
    }
  }

  @Test("No server at all is status 3 with advice")
  func unreachable() async throws {
    let error = await #expect(throws: ProgramError.self) {
      try await testSession(deadAddress, timeout: .seconds(2)).discover()
    }
    #expect(error?.status == .unreachable)
    #expect(error?.hint != nil)
  }

  @Test("A command is encoded, sent with its key, and reported with its place")
  func send() async throws {
    var script = FakeNode.Script()
    script.onCommand = { _, _ in
      ScriptedAnswer(trailers: [
        "cs-commitment": "shard=3;position=42;epoch=2;sequence=7;events=2;duplicate"
      ])
    }
    let node = FakeNode(script)
    let lines = try await withReport { path in
      try await node.serve { address in
        let status = try await runSend(testSession(address)) {
          $0.idempotencyKey = "once"
          $0.report = path
        }
        #expect(status == .ok)
      }
    }
    #expect(node.record.keys == ["once"])
    #expect(node.record.payloads == [[0x0a, 1, UInt8(ascii: "u"), 0x10, 2]])
    #expect(
      lines == [
        #"{"key":"once","ok":true,"status":"OK","request":{"userId":"u","quantity":2},"#
          + #""shard":3,"position":42,"epoch":2,"sequence":7,"events":2,"duplicate":true,"#
          + #""attempts":1}"#
      ])
  }

  @Test("A refusal of the function is status 4 and is not sent again")
  func refusal() async throws {
    var script = FakeNode.Script()
    script.onCommand = { _, _ in ScriptedAnswer(status: GRPCStatus(.unknown, "no such product")) }
    let node = FakeNode(script)
    try await node.serve { address in
      let error = await #expect(throws: ProgramError.self) {
        try await runSend(testSession(address)) { $0.retry = true }
      }
      #expect(error?.status == .rejected)
      #expect(error?.message == "no such product")
    }
    #expect(node.record.keys.count == 1)
  }

  @Test("Without --retry a command is sent once")
  func noRetry() async throws {
    var script = FakeNode.Script()
    script.onCommand = { _, _ in ScriptedAnswer(status: GRPCStatus(.unavailable, "moving")) }
    let node = FakeNode(script)
    try await node.serve { address in
      let error = await #expect(throws: ProgramError.self) {
        try await runSend(testSession(address)) { $0.autoKey = true }
      }
      #expect(error?.status == .unreachable)
    }
    #expect(node.record.keys.count == 1)
  }

  @Test("A retried command keeps its key, also at the next server")
  func retry() async throws {
    var script = FakeNode.Script()
    script.onCommand = { _, call in
      call < 3 ? ScriptedAnswer(status: GRPCStatus(.unavailable, "moving")) : ScriptedAnswer()
    }
    let node = FakeNode(script)
    try await node.serve { address in
      let status = try await runSend(testSession(address, deadAddress)) { $0.retry = true }
      #expect(status == .ok)
    }
    let keys = node.record.keys.compactMap(\.self)
    #expect(keys.count == 3)
    #expect(Set(keys).count == 1)
  }

  @Test("A load run reports every command once, each with a key of its own")
  func load() async throws {
    var script = FakeNode.Script()
    script.onCommand = { _, call in
      call % 7 == 0
        ? ScriptedAnswer(status: GRPCStatus(.unavailable, "moving"))
        : ScriptedAnswer(trailers: ["cs-commitment": "shard=1;position=\(call)"])
    }
    let node = FakeNode(script)
    let lines = try await withReport { path in
      try await node.serve { address in
        let status = try await runSend(testSession(address)) {
          $0.body = #"{"userId":"u{{count}}","quantity":{{random 1 5}}}"#
          $0.template = true
          $0.count = 100
          $0.concurrency = 8
          $0.retry = true
          $0.report = path
        }
        #expect(status == .ok)
      }
    }
    #expect(lines.count == 100)
    #expect(lines.allSatisfy { $0.contains(#""ok":true"#) })
    for number in 1...100 {
      #expect(lines.filter { $0.contains("\"userId\":\"u\(number)\"") }.count == 1)
    }
    #expect(Set(node.record.keys).count == 100)
  }

  @Test("A load run ends when it is cancelled, and says so by its status")
  func cancelledLoad() async throws {
    let node = FakeNode()
    let status = try await node.serve { address in
      try await withThrowingTaskGroup(of: CommandLineKit.ExitStatus.self) { group in
        group.addTask {
          try await runSend(testSession(address)) { $0.rate = 200 }
        }
        try await eventually("commands arrive") { node.record.keys.count > 5 }
        group.cancelAll()
        return try await group.next()
      }
    }
    #expect(status == .interrupted)
  }

  @Test("A body that is not a request is refused before anything is sent")
  func wrongBody() async throws {
    let node = FakeNode()
    try await node.serve { address in
      let error = await #expect(throws: ProgramError.self) {
        try await runSend(testSession(address)) { $0.body = #"{"quantiti":1}"# }
      }
      #expect(error?.status == .usage)
    }
    #expect(node.record.keys.isEmpty)
  }

  @Test("A subject names the service of the topology, which is checked")
  func subjectTarget() async throws {
    let node = FakeNode()
    try await node.serve { address in
      let status = try await runSend(testSession(address)) { $0.target = "cs.cmd.cart.Add" }
      #expect(status == .ok)
      let error = await #expect(throws: ProgramError.self) {
        try await runSend(testSession(address)) { $0.target = "cs.cmd.carr.Add" }
      }
      #expect(error?.status == .notFound)
      #expect(error?.hint == "cs.cmd.cart.Add")
    }
  }
}
