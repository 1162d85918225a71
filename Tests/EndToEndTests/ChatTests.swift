import Foundation
import TestSupport
import Testing

/// The chat sample on two nodes, with clients in Python that know it by reflection.
@Suite(.serialized, .enabled(if: pythonInterpreter != nil, "needs CS_PYTHON"))
struct ChatTests {
  @Test("Joins, messages and leaves reach the clients of the other node at once")
  func streams() async throws {
    let cluster = try await TestCluster(nodes: 2, function: .swiftChat, shards: 4)
    let result = try await runProgram(
      try #require(pythonInterpreter),
      [
        "\(repositoryFolder)/Tests/EndToEndTests/Clients/chat_client.py", cluster.nodes[0].address,
        cluster.nodes[1].address, "20",
      ], within: .seconds(120))
    #expect(result.status == .code(0), "\(result.talk)")
    let times =
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: [Double]]
    print("milliseconds until the other node's clients knew: \(result.output)")
    for (kind, times) in try #require(times) {
      #expect(times.count == 20)
      // The median: a busy machine may delay single ones.
      #expect(times[10] < 100, "\(kind) took \(times)")
    }
  }

  @Test("Presence ends with the node that held it")
  func deadNode() async throws {
    let cluster = try await TestCluster(nodes: 2, function: .swiftChat, shards: 4)
    let interpreter = try #require(pythonInterpreter)
    let folder = "\(repositoryFolder)/Tests/EndToEndTests/Clients"
    let monitor = try TestProcess(
      interpreter, ["\(folder)/presence_client.py", cluster.nodes[0].address, "Monitor", "bob"])
    try await monitor.waitForLine(containing: "False")
    let connection = try TestProcess(
      interpreter, ["\(folder)/presence_client.py", cluster.nodes[1].address, "Connect", "bob"])
    try await monitor.waitForLine(containing: "True")
    try await cluster.killSidecar(cluster.nodes[1])
    try await eventually("bob is offline", within: .seconds(30)) {
      monitor.output(.standardOutput).hasSuffix("False\n")
        && monitor.output(.standardOutput).contains("True")
    }
    connection.signal(SIGKILL)
  }
}
