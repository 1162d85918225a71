import ArgumentParser
import CommandLineKit
import GRPCTransport
import TestSupport
import Testing

@testable import CommandClient

/// What command lines say of servers, TLS and tokens.
@Suite struct ConnectionSecurityTests {
  @Test("Addresses with https:// are spoken to by TLS, all or none")
  func servers() throws {
    let plain = try ServerList("a:1, http://b:2/")
    #expect(plain.addresses == ["a:1", "b:2"])
    #expect(!plain.usesTLS)
    let secure = try ServerList("https://a:1,https://[::1]:2/")
    #expect(secure.addresses == ["a:1", "[::1]:2"])
    #expect(secure.usesTLS)
    #expect(throws: ProgramError.self) { try ServerList("https://a:1,b:2") }
  }

  @Test("The token is that of the flag, the file or the environment, in this order")
  func tokens() throws {
    let folder = try TemporaryDirectory()
    let file = "\(folder.path)/token"
    try writeAtomically(file, "of-file\n")
    let environment = ["CS_TOKEN": "of-environment", "CS_CREDS": file]
    func token(_ arguments: [String], _ environment: [String: String] = [:]) throws -> String? {
      try ClientSecurityOptions.parse(arguments).bearerToken { environment[$0] }
    }
    #expect(try token([]) == nil)
    #expect(try token(["--token", "t"], environment) == "t")
    #expect(try token(["--token-file", file], environment) == "of-file")
    #expect(try token(["--creds", file]) == "of-file")
    #expect(try token([], environment) == "of-environment")
    #expect(try token([], ["CS_CREDS": file]) == "of-file")
    for wrong in ["", "two words", "tëst"] {
      #expect(throws: ProgramError.self) { try token(["--token", wrong]) }
    }
    #expect(throws: (any Error).self) { try token(["--token", "a", "--token-file", file]) }
    #expect(throws: ProgramError.self) { try token(["--token-file", "\(folder.path)/nothing"]) }
  }

  @Test("A token in plain text is worth a warning where others are on the way")
  func warning() throws {
    func warnings(_ server: String, _ arguments: [String]) throws -> [String] {
      var heard: [String] = []
      let servers = try ServerList(server)
      var configuration = GRPCClientConfiguration()
      try ConnectionSecurity(
        try ClientSecurityOptions.parse(arguments), servers: servers,
        addresses: try serverAddresses(servers.addresses), environment: { _ in nil },
        warn: { heard.append($0) }
      ).apply(to: &configuration)
      #expect(configuration.metadata["authorization"] == arguments.last.map { "Bearer \($0)" })
      #expect((configuration.tls != nil) == servers.usesTLS)
      return heard
    }
    for far in ["node.example:9000", "127.evil.example:9000", "10.0.0.1:9000"] {
      #expect(try warnings(far, ["--token", "t"]).count == 1)
    }
    #expect(try warnings("https://node.example:9000", ["--token", "t"]).isEmpty)
    for near in ["localhost:1", "127.0.0.1:1", "[::1]:1", "unix:/tmp/x"] {
      #expect(try warnings(near, ["--token", "t"]).isEmpty)
    }
    #expect(try warnings("node.example:9000", []).isEmpty)
  }
}
