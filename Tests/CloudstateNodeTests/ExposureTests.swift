import GRPCTransport
import MessageBus
import Testing

@testable import CloudstateNode

/// What a node says at its start about what others can reach.
struct ExposureTests {
  private func findings(
    _ listener: String, management: String? = nil, bus: [String] = ["tcp://127.0.0.1:*"],
    hasKey: Bool = false, hasTLS: Bool = false, hasAccessRules: Bool = false
  ) throws -> [String] {
    Exposure(
      listener: try #require(GRPCAddress(listener)),
      management: management.flatMap { GRPCAddress($0) }, busEndpoints: bus, hasBusKey: hasKey,
      hasTLS: hasTLS, hasAccessRules: hasAccessRules
    ).findings.map { "\($0.level): \($0.text)" }
  }

  @Test(
    "What only this machine reaches needs no word",
    arguments: ["127.0.0.1:9000", "127.9.8.7:1", "localhost:9000", "[::1]:9000", "unix:/run/x"])
  func loopback(listener: String) throws {
    #expect(
      try findings(listener, management: listener, bus: ["tcp://127.0.0.1:*", "ipc:///run/b"])
        .isEmpty)
  }

  @Test(
    "A public listener without TLS and without rules is warned of, each by itself",
    arguments: ["0.0.0.0:9000", "10.0.0.5:9000", "[::]:9000", "example.org:80", "127.0.0.1.x:9"])
  func listener(address: String) throws {
    let both = try findings(address)
    #expect(both.count == 2)
    #expect(both.allSatisfy { $0.hasPrefix("warning: INSECURE") && $0.contains(address) })
    #expect(both[0].contains("WITHOUT TLS"))
    #expect(both[1].contains("EVERYBODY"))
    #expect(try findings(address, hasTLS: true) == [both[1]])
    #expect(try findings(address, hasAccessRules: true) == [both[0]])
    #expect(try findings(address, hasTLS: true, hasAccessRules: true).isEmpty)
  }

  @Test("An open bus without a key is warned of")
  func bus() throws {
    for endpoint in ["tcp://*:5100", "tcp://10.0.0.5:5100", "tcp://eth0:*", "tcp://[::]:1"] {
      let findings = try findings("127.0.0.1:1", bus: [endpoint, "tcp://127.0.0.1:*"])
      #expect(findings.count == 1)
      #expect(
        findings.first?.contains("the bus listens at \(endpoint) WITHOUT A KEY") == true)
      #expect(findings.first?.contains("--bus-key") == true)
      #expect(try self.findings("127.0.0.1:1", bus: [endpoint], hasKey: true).isEmpty)
    }
  }

  @Test("An open management listener is a note")
  func management() throws {
    let findings = try findings("127.0.0.1:1", management: "0.0.0.0:9001")
    #expect(findings.count == 1)
    #expect(findings.first?.hasPrefix("notice: ") == true)
  }

  @Test("A node that stops does not get ready again")
  func readiness() {
    let readiness = Readiness()
    readiness.become(.ready)
    readiness.end()
    readiness.become(.ready)
    #expect(readiness.current == .notReady("stopping"))
  }
}
