import Foundation
import TestSupport
import Testing

/// The example topology with three coordinators and three members of etcd, run by `cs-up`.
@Suite(.serialized, .enabled(if: etcdProgram != nil && etcdctlProgram != nil, etcdIsMissing))
struct TopologyHighAvailabilityTests {
  private struct Process: Decodable {
    var name: String
    var role: String
    var state: String
    var publicAddress: String?
    var adminAddress: String?
  }

  private struct Run: Decodable {
    var processes: [Process]
  }

  @Test(
    "Leader and a member of etcd die: commands are answered, another leads, and nodes may leave")
  func leaderKilled() async throws {
    let folder = try TemporaryDirectory()
    let example = try String(
      contentsOfFile: "\(repositoryFolder)/Topologies/shopping-cart-ha.yaml", encoding: .utf8)
    let topology = "\(folder.path)/ha.yaml"
    // With any free ports.
    try example.replacingOccurrences(of: "ports:\n  base: 9000", with: "ports: free")
      .replacingOccurrences(of: "  admin: 9400\n", with: "")
      .write(toFile: topology, atomically: true, encoding: .utf8)
    let up = try TestProcess(builtProduct("cs-up"), ["start", topology, "-o", "jsonl"])
    let ready = try await up.waitForLine(
      containing: "\"phase\":\"ready\"", in: .standardOutput, within: .seconds(60))
    let run = try JSONDecoder().decode(Run.self, from: Data(ready.utf8))
    #expect(
      run.processes.map(\.role)
        == Array(repeating: "etcd", count: 3) + Array(repeating: "coordinator", count: 3)
        + Array(repeating: "node", count: 3))
    let document =
      try JSONSerialization.jsonObject(with: Data(ready.utf8)) as? [String: Any]
    let data = try #require(document?["data"] as? String)
    let admin = run.processes.compactMap(\.adminAddress)
    let nodes = run.processes.compactMap(\.publicAddress)
    func tell(_ arguments: String...) async throws {
      let result = try await runTool("cs-up", arguments + ["--data", data])
      #expect(result.status == .code(0), "\(arguments): \(result.talk)")
    }

    // Who stands by says who leads.
    let first = try await leader(of: admin)
    try await tell("kill", "etcd-1", "--keep-down")
    try await tell("kill", "coordinator-\(first + 1)", "--keep-down")
    for node in nodes {
      let sent = try await runTool(
        "cs-send",
        [
          "-s", node, "ShoppingCart/AddItem",
          #"{"userId":"ada","productId":"tea","name":"Tea","quantity":1}"#,
        ])
      #expect(sent.status == .code(0), "\(sent.talk)")
    }
    let states = try await runTool("cs-up", ["ps", "--data", data, "-o", "jsonl"])
    let now = try JSONDecoder().decode(Run.self, from: Data(states.output.utf8)).processes
    #expect(
      now.filter { $0.state == "down" }.map(\.name) == ["etcd-1", "coordinator-\(first + 1)"])
    let status = try await runTool(
      "cs-admin",
      ["status", "--timeout", "15s", "--coordinator", admin.joined(separator: ",")])
    #expect(status.status != .code(3), "\(status.output)\(status.talk)")
    let second = try await leader(of: admin)
    #expect(second != first)
    // The launcher finds the leader, too.
    try await tell("scale", "cart=2")
    up.signal(SIGTERM)
    #expect(try await up.waitForExit(within: .seconds(30)) == .code(0))
  }

  /// The index of the coordinator that answers itself.
  private func leader(of addresses: [String]) async throws -> Int {
    var found: Int?
    try await eventually("a coordinator leads", within: .seconds(20)) {
      for (index, address) in addresses.enumerated() {
        let answer = try await runProgram(
          "/usr/bin/env",
          ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://\(address)/status"])
        if answer.output == "200" { found = index }
      }
      return found != nil
    }
    return try #require(found)
  }
}
