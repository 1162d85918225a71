import CloudstateModel
import GRPCTransport
import Logging
import MessageBus

/// What of a node other machines can reach, and what protects it. A pure value.
struct Exposure {
  /// Something that whoever runs the node should know of.
  struct Finding: Hashable {
    let level: Logger.Level
    /// What is open to whom, and what to do about it.
    let text: String
  }

  let listener: GRPCAddress
  let management: GRPCAddress?
  let busEndpoints: [String]
  let hasBusKey: Bool
  /// Whether the public listener speaks TLS.
  var hasTLS = false
  /// Whether the public listener asks who is calling, and whether they may.
  var hasAccessRules = false

  var findings: [Finding] {
    var findings: [Finding] = []
    if Self.isOpen(listener) {
      if !hasTLS {
        findings.append(
          Finding(
            level: .warning,
            text:
              "INSECURE: clients on other machines reach \(listener) WITHOUT TLS: what they send "
              + "and get can be read and changed on its way. Give the listener a certificate, or let it "
              + "listen at 127.0.0.1 behind a proxy that has one"))
      }
      if !hasAccessRules {
        findings.append(
          Finding(
            level: .warning,
            text:
              "INSECURE: EVERYBODY who reaches \(listener) may send every command and read every "
              + "event. Give the listener access rules, or keep others away from the port"))
      }
    }
    if let text = BusExposure.warning(endpoints: busEndpoints, hasKey: hasBusKey) {
      findings.append(Finding(level: .warning, text: text))
    }
    if let management, Self.isOpen(management) {
      findings.append(
        Finding(
          level: .notice,
          text: "the management listener at \(management) is not on the loopback interface; keep "
            + "clients away from it"))
    }
    return findings
  }

  private static func isOpen(_ address: GRPCAddress) -> Bool {
    switch address {
    case .unixDomainSocket: false
    case .tcp(let host, _): !HostText.isLoopback(host)
    }
  }
}
