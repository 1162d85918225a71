import CommandLineKit
import TestSupport
import Testing

@Suite("Configuration files of KEY=VALUE lines")
struct EnvironmentFileTests {
  @Test("settings, comments, quotes and export")
  func settings() throws {
    let file = try EnvironmentFile(
      path: "node.env",
      text: """
        # comment
        CS_SERVICE=cart

        export CS_NODE_ID = cart-1
        CS_DATA="/var/lib/with space "
        CS_FUNCTION=unix:/a=b#c
        CS_STOP_WITH_PARENT=true\r
        """)
    #expect(file["CS_SERVICE"] == "cart")
    #expect(file["CS_DATA"] == "/var/lib/with space ")
    #expect(file["CS_OTHER"] == nil)
    #expect(file.entries.map(\.line) == [2, 4, 5, 6, 7])
    let arguments = try file.arguments(
      prefix: "CS_", options: ["service", "node-id", "data", "function"],
      flags: ["stop-with-parent"])
    #expect(
      arguments == [
        "--service=cart", "--node-id=cart-1", "--data=/var/lib/with space ",
        "--function=unix:/a=b#c", "--stop-with-parent",
      ])
  }

  @Test("every wrong line is named")
  func wrongLines() {
    let error = #expect(throws: ProgramError.self) {
      try EnvironmentFile(path: "f", text: "A=1\nnonsense\n9X=1\nA=2\nB=\"open")
    }
    #expect(error?.status == .usage)
    #expect(
      error?.message == """
        f:2: expected KEY=VALUE, found 'nonsense'
        f:3: '9X' is not a key; keys are letters, digits and underscores
        f:4: A is already set in line 1
        f:5: the value of B begins with " and does not end with it
        """)
  }

  @Test("unknown settings come with a suggestion")
  func unknownSettings() throws {
    let file = try EnvironmentFile(path: "f", text: "CS_SHARD=1\nCS_QUIET=maybe")
    let error = #expect(throws: ProgramError.self) {
      try file.arguments(prefix: "CS_", options: ["shards"], flags: ["quiet"])
    }
    #expect(
      error?.message == """
        f:1: unknown setting CS_SHARD; did you mean CS_SHARDS?
        f:2: CS_QUIET is 'maybe'; write true or false
        """)
  }

  @Test("the node's defaults name every setting, and reading them sets nothing")
  func nodeDefaults() throws {
    let path = "\(repositoryFolder)/Config/node.env"
    #expect(try EnvironmentFile(path: path).entries.isEmpty)
    let text = try readFile(path)
    let uncommented = text.split(separator: "\n").filter { $0.hasPrefix("#CS_") }
      .map { $0.dropFirst() }.joined(separator: "\n")
    let options = [
      "service", "node-id", "function", "listen", "access", "management", "bus",
      "bus-publish", "coordinator", "data", "shards", "passivation-timeout", "max-streams",
      "idempotency-retention", "loops", "log-level", "ready-file", "command-timeout",
      "max-message-bytes", "version-check", "shutdown-grace", "event-retry-delay",
      "event-max-retry-delay", "event-failures", "event-attempts", "event-poison",
    ]
    let file = try EnvironmentFile(path: path, text: uncommented)
    let arguments = try file.arguments(
      prefix: "CS_", options: options, flags: ["stop-with-parent", "pass-metadata"])
    #expect(file.entries.count == options.count + 2)
    #expect(arguments.count == options.count)
  }
}
