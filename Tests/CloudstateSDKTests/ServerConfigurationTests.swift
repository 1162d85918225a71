import CloudstateSDK
import Testing

@Suite struct ServerConfigurationTests {
  private func address(_ environment: [String: String]) throws
    -> CloudstateServer.Configuration.Address
  {
    try CloudstateServer.Configuration { environment[$0] }.address
  }

  @Test("HOST, PORT and CLOUDSTATE_SOCKET choose the address")
  func addresses() throws {
    #expect(try address([:]) == .tcp(host: "127.0.0.1", port: 8080))
    #expect(try address(["HOST": "", "PORT": ""]) == .tcp(host: "127.0.0.1", port: 8080))
    #expect(try address(["HOST": "0.0.0.0", "PORT": "9"]) == .tcp(host: "0.0.0.0", port: 9))
    #expect(try address(["CLOUDSTATE_SOCKET": "/run/a"]) == .unix(path: "/run/a"))
    #expect(
      try address(["CLOUDSTATE_SOCKET": "unix:/run/a", "PORT": "9"]) == .unix(path: "/run/a"))
  }

  @Test("A port that is none is named", arguments: ["http", "-1", "65536", "8080 "])
  func badPort(text: String) {
    let error = #expect(throws: CloudstateServer.ConfigurationError.self) {
      try address(["PORT": text])
    }
    #expect(error?.description.contains("PORT is '\(text)'") == true)
  }
}
