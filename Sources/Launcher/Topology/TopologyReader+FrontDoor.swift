import SettingsReading
import Yams

extension TopologyReader {
  /// The keys of a service, or of `defaults`, that belong to its public listeners.
  static let frontDoorKeys = ["config", "tls", "access", "cors_origins"]

  mutating func frontDoor(_ values: [String: Node], of what: String) -> FrontDoorSettings {
    var settings = FrontDoorSettings()
    settings.config = path(values["config"], "config of \(what)")
    settings.access = path(values["access"], "access of \(what)")
    settings.tls = tls(values["tls"], of: what)
    settings.corsOrigins = corsOrigins(values["cors_origins"], of: what)
    return settings
  }

  private mutating func tls(_ node: Node?, of what: String) -> FrontDoorSettings.TLS? {
    guard let node,
      let values = fields.mapping(node, "tls of \(what)", keys: ["cert", "key", "client_ca"])
    else { return nil }
    for name in ["cert", "key"] where values[name] == nil {
      fields.report(
        "tls of \(what) has no \(name); write tls: {cert: FILE, key: FILE}", at: node)
    }
    let certificate = path(values["cert"], "cert of \(what)")
    let key = path(values["key"], "key of \(what)")
    let clientCA = path(values["client_ca"], "client_ca of \(what)")
    guard let certificate, let key else { return nil }
    return FrontDoorSettings.TLS(certificate: certificate, key: key, clientCA: clientCA)
  }

  private mutating func corsOrigins(_ node: Node?, of what: String) -> [String]? {
    guard let node, let elements = fields.list(node, "cors_origins of \(what)") else { return nil }
    var origins: [String] = []
    for element in elements {
      guard let origin = expanded(element, "an origin of \(what)") else { continue }
      guard !origin.isEmpty, !origin.contains(",") else {
        fields.report("an origin of \(what) is '\(origin)'; write one in each entry", at: element)
        continue
      }
      origins.append(origin)
    }
    return origins
  }
}
