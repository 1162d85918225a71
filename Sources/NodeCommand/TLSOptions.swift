package import ArgumentParser
import CloudstateNode
import CommandLineKit
import GRPCTransport

/// TLS of the public listener.
package struct TLSOptions: ParsableArguments {
  @Option(help: "Certificate chain of the public listener, PEM; switches TLS on.")
  package var tlsCert: String?
  @Option(help: "Private key of the certificate, PEM, without a password.")
  package var tlsKey: String?
  @Option(help: "Authorities of client certificates, PEM.") package var tlsClientCa: String?
  @Option(
    help: "Client certificates: require, request or off; default require with --tls-client-ca.")
  package var tlsClientAuth: String?
  @Option(help: "Oldest version of TLS: 1.2 or 1.3.") package var tlsMinVersion = "1.2"
  @Option(help: "How often the files are looked at for changes.")
  package var tlsReloadInterval: Duration = .seconds(5)

  package init() {}

  /// Long names of these options.
  static let names = [
    "tls-cert", "tls-key", "tls-client-ca", "tls-client-auth", "tls-min-version",
    "tls-reload-interval",
  ]

  /// The options as a node takes them; the files are not read yet.
  ///
  /// - Throws: ``ProgramError`` with status `usage` for options that do not fit together.
  func configure(_ listener: inout ListenerConfiguration) throws(ProgramError) {
    listener.tlsReloadInterval = tlsReloadInterval
    guard let version = GRPCServerTLS.Version(rawValue: tlsMinVersion) else {
      throw wrongSetting("--tls-min-version '\(tlsMinVersion)' is none of 1.2, 1.3")
    }
    let authentication = try clientAuthentication()
    switch (tlsCert, tlsKey) {
    case (nil, nil):
      guard tlsClientCa == nil, authentication == .off else {
        throw wrongSetting(
          "client certificates need TLS: name the server's with --tls-cert and --tls-key")
      }
    case (let certificate?, let key?):
      var tls = GRPCServerTLS(certificateFile: certificate, keyFile: key)
      tls.minimumVersion = version
      tls.clientAuthentication = authentication
      tls.clientAuthorityFile = tlsClientCa
      guard authentication == .off || tlsClientCa != nil else {
        throw wrongSetting(
          "--tls-client-auth \(authentication.rawValue) needs --tls-client-ca: whose certificates "
            + "may clients show?")
      }
      listener.tls = tls
    case (_, nil): throw wrongSetting("--tls-key is missing: it goes with --tls-cert")
    case (nil, _): throw wrongSetting("--tls-cert is missing: it goes with --tls-key")
    }
  }

  private func clientAuthentication() throws(ProgramError) -> GRPCServerTLS.ClientAuthentication {
    guard let tlsClientAuth else { return tlsClientCa == nil ? .off : .require }
    guard let authentication = GRPCServerTLS.ClientAuthentication(rawValue: tlsClientAuth) else {
      throw wrongSetting("--tls-client-auth '\(tlsClientAuth)' is none of require, request, off")
    }
    return authentication
  }
}
