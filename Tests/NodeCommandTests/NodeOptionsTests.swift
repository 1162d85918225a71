import CommandLineKit
import NodeCommand
import TestSupport
import Testing

@Suite("The options of nodes")
struct NodeOptionsTests {
  @Test("the file of defaults names every setting, and reading it sets nothing")
  func defaults() throws {
    let path = "\(repositoryFolder)/Config/node.env"
    #expect(try EnvironmentFile(path: path).entries.isEmpty)
    let names = try readFile(path).split(separator: "\n").filter { $0.hasPrefix("#CS_") }
      .map { $0.dropFirst().prefix { $0 != "=" } }
    let known = NodeOptions.options + NodeOptions.flags + ["function"]
    let expected = known.map { "CS_" + $0.uppercased().replacing("-", with: "_") }
    #expect(names.map(String.init).sorted() == expected.sorted())
  }

  @Test("settings of a file come before what was typed, and mistakes name their line")
  func files() throws {
    let folder = try TemporaryDirectory()
    let path = "\(folder.path)/node.env"
    try writeAtomically(path, "CS_LISTEN=127.0.0.1:1\nCS_CORS_CREDENTIALS=true\n")
    #expect(
      try NodeOptions.withConfigFile(["--config", path, "--shards", "8"])
        == ["--listen=127.0.0.1:1", "--cors-credentials", "--config", path, "--shards", "8"])
    try writeAtomically(path, "\nCS_TLS_CRET=x\n")
    let error = #expect(throws: ProgramError.self) {
      try NodeOptions.withConfigFile(["--config=\(path)"])
    }
    #expect(
      error?.message == "\(path):2: unknown setting CS_TLS_CRET; did you mean CS_TLS_CERT?")
  }
}
