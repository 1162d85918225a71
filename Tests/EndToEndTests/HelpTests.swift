import TestSupport
import Testing

/// What `--help` prints is there to be pasted.
struct HelpTests {
  @Test(
    "Help begins with examples, each on a line of its own",
    arguments: [
      "cs-node", "cs-coordinator", "cs-up", "cs-send", "cs-tail", "cs-admin", "cs-bench", "cs-tck",
      "shopping-cart-node",
    ])
  func examples(program: String) async throws {
    let result = try await runTool(program, ["--help"])
    #expect(result.status == .code(0))
    let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex(of: "EXAMPLES"), "no examples")
    let examples = lines[(start + 1)...].prefix { !$0.isEmpty }
    #expect(!examples.isEmpty)
    // A line that was too long goes on at the margin.
    #expect(examples.filter { !$0.hasPrefix("  ") } == [])
  }
}
