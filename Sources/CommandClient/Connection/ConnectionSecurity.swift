import CloudstateModel
package import CommandLineKit
package import GRPCTransport

/// How a program's connections are protected, and the token that goes with each call.
package struct ConnectionSecurity: Sendable {
  /// `nil` for plain text.
  package var tls: GRPCClientTLS?
  package var token: String?

  /// Plain text, no token.
  package init() {}

  /// Reads what the options name.
  ///
  /// - Parameter warn: hears of a token that others could read on its way.
  /// - Throws: ``ProgramError`` with status `usage` for files that cannot be used.
  package init(
    _ options: ClientSecurityOptions, servers: ServerList, addresses: [GRPCAddress],
    environment: (String) -> String? = environmentVariable, warn: (String) -> Void
  ) throws(ProgramError) {
    token = try options.bearerToken(environment: environment)
    let files = options.files(environment: environment)
    if servers.usesTLS {
      do throws(TLSProblem) {
        tls = try GRPCClientTLS(
          authorityFile: files.authority, certificateFile: files.certificate, keyFile: files.key)
      } catch {
        throw ProgramError(error.description, status: .usage)
      }
    } else {
      // The environment may hold what other servers need.
      if options.tlsCA != nil || options.tlsCert != nil || options.tlsKey != nil {
        throw ProgramError(
          "files for TLS are given, but the server is spoken to in plain text",
          hint: "--server https://\(servers.addresses.first ?? "HOST:PORT")", status: .usage)
      }
      if token != nil, let open = addresses.first(where: { !$0.isLocal }) {
        warn(
          "the token goes to \(open) in plain text, for everybody on the way to read; use https://")
      }
    }
  }

  /// Sets up a connection's configuration.
  package func apply(to configuration: inout GRPCClientConfiguration) {
    configuration.tls = tls
    if let token { configuration.metadata.add("authorization", "Bearer \(token)") }
  }
}

extension GRPCAddress {
  /// Whether the way there does not leave the machine.
  fileprivate var isLocal: Bool {
    switch self {
    case .unixDomainSocket: true
    case .tcp(let host, _): HostText.isLoopback(host)
    }
  }
}
