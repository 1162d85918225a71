import Foundation
import TestSupport
import Testing

/// Value entities, actions, forwards and side effects, with a user function and a client in Python that know
/// nothing of this project but the protocol.
@Suite(.serialized, .enabled(if: pythonInterpreter != nil, "needs CS_PYTHON"))
struct KindsTests {
  private static let folder = "\(repositoryFolder)/Tests/EndToEndTests/Kinds"

  private func withCluster(
    _ body: (TestCluster, (String) async throws -> [String]) async throws -> Void
  ) async throws {
    let interpreter = try #require(pythonInterpreter)
    let stubs = try TemporaryDirectory()
    let made = try await runProgram(
      interpreter,
      [
        "\(Self.folder)/kinds_stubs.py", "\(repositoryFolder)/Sources/CloudstateProtocol/Protos",
        stubs.path,
      ])
    try #require(made.status == .code(0), "\(made.talk)")
    let cluster = try await TestCluster(
      nodes: 2, function: .kinds(interpreter: interpreter, stubs: stubs.path), shards: 8)
    var turn = 0
    try await body(cluster) { scenario in
      // Any node answers for anything.
      turn += 1
      let result = try await runProgram(
        interpreter,
        [
          "\(Self.folder)/kinds_client.py", stubs.path,
          cluster.nodes[turn % cluster.nodes.count].address, scenario,
        ], within: .seconds(90))
      #expect(result.status == .code(0), "\(result.talk)")
      return result.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        .map(String.init)
    }
  }

  @Test("Values are kept, deleted and made again, also over restarts of everything")
  func values() async throws {
    try await withCluster { cluster, run in
      #expect(try await run("set_values") == ["", "first", "second", "other", ""])
      try await cluster.stop()
      try await cluster.start()
      #expect(
        try await run("read_values") == [
          "second", "", "again", "again", "UNKNOWN: refused",
          "UNKNOWN: Unexpected Value entity failure", "second",
        ])
      let tail = try await runTool(
        "cs-tail", ["-s", cluster.servers, "--all", "--end", "-o", "jsonl", "-e", "b"])
      let types = tail.output.split(separator: "\n").compactMap { line in
        (try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["type"]
          as? String
      }
      #expect(
        types.map { $0.split(separator: ".").last.map(String.init) } == [
          "Response", "Empty", "Response",
        ])
    }
  }

  @Test("Forwards answer in place, effects run in order and change no result, circles end")
  func chains() async throws {
    try await withCluster { cluster, run in
      #expect(
        try await run("chains") == [
          "x", "x,y", "y", "z", "INTERNAL: Error",
          "INTERNAL: the command was forwarded too many times", "UNKNOWN: refused",
          "ALREADY_EXISTS: there is one",
        ])
      let expected = [
        "Service [kinds.Nowhere] unknown |   side-effect of kinds.Relay.One",
        "Service [kinds.Journal] does not have a command named: [None] |   side-effect of kinds.Relay.One",
        "Service [kinds.Nowhere] unknown |   forwarded from kinds.Relay.One",
      ]
      try await eventually("the function hears of what went wrong") {
        let heard = cluster.nodes.map { $0.function?.output(.standardOutput) ?? "" }.joined()
        return expected.allSatisfy(heard.contains)
          && heard.contains("Side effect kinds.Values.Break failed")
      }
    }
  }

  @Test("A repeated key repeats neither the command nor its effects")
  func keys() async throws {
    try await withCluster { _, run in
      let lines = try await run("keys")
      #expect(lines.first == lines.dropFirst().first)
      #expect(lines.last == "once,once")
    }
  }

  @Test("Actions of all four shapes, at the pace of both sides, with metadata and cancellation")
  func streams() async throws {
    try await withCluster { cluster, run in
      #expect(
        try await run("streams") == [
          "a,b", "a", "b", "UNKNOWN: refused", "p", "p,q", "end", "A", "B", "end",
          "red 01ff yes", "1", "2", "3", "2000",
        ])
      try await eventually("the function hears that the client went away") {
        cluster.nodes.contains {
          ($0.function?.output(.standardOutput) ?? "").contains("stream over")
        }
      }
    }
  }

  @Test("Messages compressed, large and too large")
  func sizes() async throws {
    try await withCluster { _, run in
      let each = ["100000", "11000000", "5000000", "RESOURCE_EXHAUSTED"]
      let seen = try await run("sizes")
      #expect(seen == each + each + ["still there"])
    }
  }

  @Test("Deadlines and cancellations reach the function")
  func ends() async throws {
    try await withCluster { cluster, run in
      #expect(try await run("deadlines") == ["True", "DEADLINE_EXCEEDED"])
      #expect(
        try await run("cancellation") == ["1", "CANCELLED: Locally cancelled by application!"])
      try await eventually("the function hears of both") {
        let heard = cluster.nodes.map { $0.function?.output(.standardOutput) ?? "" }.joined()
        return heard.contains("call over by deadline")
          && heard.contains("call over by cancellation")
      }
    }
  }
}
