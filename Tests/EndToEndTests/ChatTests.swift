import Foundation
import TestSupport
import Testing

/// Two nodes with the chat in Swift: replicated entities on real nodes.
@Suite(.serialized) struct ChatTests {
  /// The texts of a room as one node has them.
  private func history(of room: String, at node: TestCluster.Node) async throws -> [String] {
    let result = try await runTool(
      "cs-send", ["-s", node.address, "Rooms/GetHistory", #"{"room":"\#(room)"}"#, "--raw"])
    guard result.status == .code(0) else { throw ProcessEnded(text: result.talk) }
    struct History: Decodable {
      struct Message: Decodable { let text: String }
      let messages: [Message]
    }
    return try JSONDecoder().decode(History.self, from: Data(result.output.utf8)).messages
      .map(\.text)
  }

  @Test("Messages posted through two nodes come to one history, which outlives a restart")
  func rooms() async throws {
    let cluster = try await TestCluster(nodes: 2, function: .swiftChat, shards: 4)
    for number in 0..<6 {
      let post = try await runTool(
        "cs-send",
        [
          "-s", cluster.nodes[number % 2].address, "Rooms/Post",
          #"{"room":"tea","user":"ada","text":"\#(number)"}"#,
        ])
      #expect(post.status == .code(0), "\(post.talk)")
    }
    var expected: [String] = []
    try await eventually("both nodes have all messages, in the same order") {
      expected = try await history(of: "tea", at: cluster.nodes[0])
      let other = try await history(of: "tea", at: cluster.nodes[1])
      return Set(expected) == Set((0..<6).map { "\($0)" }) && other == expected
    }
    try await cluster.stop()
    try await cluster.start()
    for node in cluster.nodes {
      try await eventually("\(node.name) has the history again") {
        try await history(of: "tea", at: node) == expected
      }
    }
    let refused = try await runTool(
      "cs-send", ["-s", cluster.servers, "Rooms/Post", #"{"room":"tea","text":"?"}"#])
    #expect(refused.status == .code(4), "\(refused.talk)")
    #expect(refused.talk.contains("Say who posts the message."))
  }

  @Test(
    "A user is online at one node while connected to another",
    .enabled(if: pythonInterpreter != nil))
  func presence() async throws {
    let interpreter = try #require(pythonInterpreter)
    let cluster = try await TestCluster(nodes: 2, function: .swiftChat, shards: 4)
    let client = try await runProgram(
      interpreter,
      [
        "\(repositoryFolder)/Tests/EndToEndTests/Clients/presence_client.py",
        cluster.nodes[0].address, cluster.nodes[1].address,
      ], within: .seconds(60))
    #expect(client.status == .code(0), "\(client.talk)")
    #expect(client.output == "False\nTrue\nTrue\nTrue\nFalse\n")
  }

  @Test(
    "Joins, messages and leaves reach the clients of the other node at once",
    .enabled(if: pythonInterpreter != nil))
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

  @Test("Presence ends with the node that held it", .enabled(if: pythonInterpreter != nil))
  func deadNode() async throws {
    let cluster = try await TestCluster(nodes: 2, function: .swiftChat, shards: 4)
    let interpreter = try #require(pythonInterpreter)
    let folder = "\(repositoryFolder)/Tests/EndToEndTests/Clients"
    let monitor = try TestProcess(
      interpreter, ["\(folder)/stream_client.py", cluster.nodes[0].address, "Monitor", "bob"])
    _ = try await monitor.waitForLine(containing: "False", in: .standardOutput)
    let connection = try TestProcess(
      interpreter, ["\(folder)/stream_client.py", cluster.nodes[1].address, "Connect", "bob"])
    _ = try await monitor.waitForLine(containing: "True", in: .standardOutput)
    try await cluster.killSidecar(cluster.nodes[1])
    try await eventually("bob is offline", within: .seconds(30)) {
      monitor.output(.standardOutput).hasSuffix("False\n")
        && monitor.output(.standardOutput).contains("True")
    }
    connection.signal(SIGKILL)
  }
}
