/// How a server protects its connections by TLS. Files are PEM.
package struct GRPCServerTLS: Hashable, Sendable {
  /// Whether clients show a certificate.
  package enum ClientAuthentication: String, Hashable, Sendable, CaseIterable {
    /// Not asked for.
    case off
    /// Asked for; a client without one is served all the same, one with a wrong one is not.
    case request
    /// A client without a valid one is not served.
    case require
  }

  /// The oldest version of TLS that is spoken.
  package enum Version: String, Hashable, Sendable, CaseIterable {
    case tls12 = "1.2"
    case tls13 = "1.3"
  }

  /// The server's certificate, and behind it those that lead to an authority known to clients.
  package var certificateFile: String
  /// The private key that belongs to the first certificate.
  package var keyFile: String
  /// The authorities whose certificates clients may show.
  package var clientAuthorityFile: String?
  /// Default: no certificate is asked for.
  package var clientAuthentication = ClientAuthentication.off
  /// Default 1.2 (RFC 9113, 9.2).
  package var minimumVersion = Version.tls12

  package init(certificateFile: String, keyFile: String) {
    self.certificateFile = certificateFile
    self.keyFile = keyFile
  }

  /// All files that matter.
  var files: [String] { [certificateFile, keyFile] + [clientAuthorityFile].compactMap(\.self) }
}
