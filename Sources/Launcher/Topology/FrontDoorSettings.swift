/// What a topology says of the public listeners of a service. Paths are absolute.
package struct FrontDoorSettings: Hashable, Sendable {
  package struct TLS: Hashable, Sendable {
    package var certificate: String
    package var key: String
    /// Whose certificates clients may show.
    package var clientCA: String?
  }

  /// A file of `KEY=VALUE` settings of nodes; what the topology says wins.
  package var config: String?
  package var tls: TLS?
  /// The file that says who may do what.
  package var access: String?
  /// Origins whose pages browsers let call.
  package var corsOrigins: [String]?

  package init() {}

  /// These settings, and those of `defaults` where there are none.
  func merged(over defaults: Self) -> Self {
    var merged = self
    merged.config = config ?? defaults.config
    merged.tls = tls ?? defaults.tls
    merged.access = access ?? defaults.access
    merged.corsOrigins = corsOrigins ?? defaults.corsOrigins
    return merged
  }

  /// The flags of `cs-node` that say the same.
  var arguments: [String] {
    var arguments: [String] = []
    if let config { arguments += ["--config", config] }
    if let tls {
      arguments += ["--tls-cert", tls.certificate, "--tls-key", tls.key]
      if let clientCA = tls.clientCA { arguments += ["--tls-client-ca", clientCA] }
    }
    if let access { arguments += ["--access", access] }
    if let corsOrigins { arguments += ["--cors-origins", corsOrigins.joined(separator: ",")] }
    return arguments
  }
}
