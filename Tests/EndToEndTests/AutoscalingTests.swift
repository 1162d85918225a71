import Foundation
import TestSupport
import Testing

/// Real nodes that come and go with the load.
@Suite(.serialized) struct AutoscalingTests {
  private struct Decisions: Decodable {
    struct Decision: Decodable {
      let action: String
      let members: Int
      let wanted: Int
      let reason: String
    }
    let decisions: [Decision]
  }

  private struct Report: Decodable {
    let sent: Int
    let failures: [String]
    let lost: [String]
  }

  /// Commands at the function of a node: at most two, each for 20 ms; three are right.
  private static let topology = """
    version: 1
    name: scaled
    data: data
    autoscaler:
      maximum: 2
      target_functions: 3
      window: 3s
      rate_window: 1s
      tick: 250ms
      up_deadline: 3s
      down_deadline: 3s
      warm_up: 500ms
      repeat: 2s
    services:
      - name: cart
        nodes: 1
        shards: 8
        function: {command: ["PYTHON", "FUNCTION"], env: {ROOM: "2", WORK: "0.02"}}
    """

  @Test("Nodes come when the load rises and go when it falls, and no command fails")
  func risesAndFalls() async throws {
    let python = try #require(pythonInterpreter, "set CS_PYTHON: see Scripts/test")
    let clients = "\(repositoryFolder)/Tests/EndToEndTests/Clients"
    let folder = try TemporaryDirectory()
    let file = "\(folder.path)/scaled.yaml"
    let text = Self.topology.replacingOccurrences(of: "PYTHON", with: python)
      .replacingOccurrences(of: "FUNCTION", with: "\(clients)/limited_function.py")
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    let up = try TestProcess(builtProduct("cs-up"), ["start", file, "-o", "jsonl"])
    try await up.waitForLine(
      containing: "\"phase\":\"ready\"", in: .standardOutput, within: .seconds(60))
    let admin = try await field("adminAddress", of: "coordinator", in: file)
    let node = try await field("publicAddress", of: "cart-1", in: file)

    let wanted = "\(folder.path)/clients"
    func set(_ clients: String) throws {
      try clients.write(toFile: wanted, atomically: true, encoding: .utf8)
    }
    try set("12")
    let load = try TestProcess(
      python, ["\(clients)/varying_load.py", wanted, "\(folder.path)/load.jsonl", node])
    try await eventually("a node is added and has shards", within: .seconds(40)) {
      try await shards(admin)["cart-2", default: 0] == 4
    }
    try set("1")
    try await eventually("the node has left", within: .seconds(40)) {
      try await names(in: file) == ["cart-1-function", "cart-1", "coordinator"]
    }
    #expect(try await shards(admin)["cart-1"] == 8)
    try set("end")
    #expect(try await load.waitForExit(within: .seconds(30)) == .code(0))
    let report = try JSONDecoder().decode(
      Report.self,
      from: Data(try #require(load.output(.standardOutput).split(separator: "\n").last).utf8))
    #expect(report.failures.isEmpty, "\(report.failures)")
    #expect(report.lost.isEmpty, "\(report.lost)")
    #expect(report.sent > 100)

    // One change for each change of the load: nothing swings.
    let history = try await runTool(
      "cs-admin", ["scale", "history", "--coordinator", admin, "-o", "json"])
    let decisions = try JSONDecoder().decode(Decisions.self, from: Data(history.output.utf8))
      .decisions
    #expect(
      decisions.filter { $0.action != "requestAgain" }.map(\.action) == ["scaleDown", "scaleUp"],
      "\(history.output)")
    #expect(decisions.last?.reason.contains("commands at the user function") == true)
    let status = try await runTool("cs-admin", ["scale", "status", "--coordinator", admin])
    #expect(status.output.contains("the scaler reports 1 ready nodes"), "\(status.output)")

    // What is on the disk leads to the same decisions again, and to none if a node may have more to do.
    let recordings = "\(folder.path)/data/coordinator/autoscaler"
    let files = try FileManager.default.contentsOfDirectory(atPath: recordings).sorted()
      .map { "\(recordings)/\($0)" }
    let replay = try await runTool("cs-admin", ["scale", "replay", "-o", "json"] + files)
    #expect(replay.status == .code(0), "\(replay.talk)")
    let again = try JSONDecoder().decode(Decisions.self, from: Data(replay.output.utf8)).decisions
    #expect(again.map(\.action) == decisions.map(\.action).reversed())
    let lax = try await runTool(
      "cs-admin",
      ["scale", "replay", "-o", "json", "--set", "targetFunctionConcurrency=50"] + files)
    let none = try JSONDecoder().decode(Decisions.self, from: Data(lax.output.utf8)).decisions
    #expect(!none.contains { $0.action == "scaleUp" })

    up.signal(SIGTERM)
    #expect(try await up.waitForExit(within: .seconds(60)) == .code(0))
  }

  private func processes(_ file: String) async throws -> [[String: Any]] {
    let result = try await runTool("cs-up", ["ps", file, "-o", "jsonl"])
    return try result.jsonLines().first?["processes"] as? [[String: Any]] ?? []
  }

  private func names(in file: String) async throws -> Set<String> {
    Set(try await processes(file).compactMap { $0["name"] as? String })
  }

  private func field(
    _ field: String, of process: String, in file: String
  ) async throws -> String {
    let process = try await processes(file).first { $0["name"] as? String == process }
    return try #require(process?[field] as? String)
  }

  /// Primaries of each node.
  private func shards(_ admin: String) async throws -> [String: Int] {
    let result = try await runTool("cs-admin", ["nodes", "--coordinator", admin, "-o", "jsonl"])
    let nodes = try result.jsonLines().first?["nodes"] as? [[String: Any]] ?? []
    return Dictionary(
      nodes.compactMap { node in
        guard let name = node["node"] as? String, let count = node["primaries"] as? Int else {
          return nil
        }
        return (name, count)
      }, uniquingKeysWith: { first, _ in first })
  }
}
