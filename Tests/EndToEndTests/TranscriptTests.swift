import TestSupport
import Testing

/// What the articles show of curl is what curl shows.
@Suite(.serialized) struct TranscriptTests {
  private func replay(
    _ article: String, least: Int, addresses: [String: String]
  ) async throws {
    let commands = try TranscribedCommand.all(in: article)
    #expect(commands.count >= least)
    for command in commands {
      let output = try await command.run(addresses: addresses)
      #expect(output == command.output, "\(article), line \(command.line): \(command.command)")
    }
  }

  @Test("The article about HTTP")
  func http() async throws {
    let cart = try await TestCluster(nodes: 1)
    let chat = try await TestCluster(nodes: 1, function: .swiftChat)
    try await replay(
      "Sources/CloudstateNode/CloudstateNode.docc/HTTP.md", least: 20,
      addresses: [
        "127.0.0.1:9000": cart.nodes[0].address, "127.0.0.1:9010": chat.nodes[0].address,
      ])
  }

  @Test("The first article of all")
  func readme() async throws {
    let cart = try await TestCluster(nodes: 2)
    try await replay("README.md", least: 2, addresses: ["127.0.0.1:9001": cart.nodes[1].address])
  }
}
