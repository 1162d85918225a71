/// Who is at the other end of a connection, as far as the transport knows.
package struct ConnectionPeer: Hashable, Sendable {
  /// Another number for each connection of the process; 0 for calls without one.
  package var connection: UInt64
  /// `ADDRESS:PORT`, or what the system calls it; for logs.
  package var address: String
  /// Whether it is on the same machine: the connection is over a loopback interface or a socket of the
  /// file system.
  package var isLocal: Bool
  /// Whether the connection is protected by TLS.
  package var isEncrypted: Bool
  /// What the client's certificate says, once it has been verified.
  package var certificate: PeerCertificate?

  package init(
    connection: UInt64 = 0, address: String = "unknown", isLocal: Bool = false,
    isEncrypted: Bool = false,
    certificate: PeerCertificate? = nil
  ) {
    self.connection = connection
    self.address = address
    self.isLocal = isLocal
    self.isEncrypted = isEncrypted
    self.certificate = certificate
  }
}

/// The names in a verified certificate.
package struct PeerCertificate: Hashable, Sendable {
  /// The common name of its subject, if it has one.
  package var commonName: String?
  /// DNS names, URIs and mail addresses among its subject's alternative names (RFC 5280, 4.2.1.6).
  package var alternativeNames: [String]

  package init(commonName: String?, alternativeNames: [String] = []) {
    self.commonName = commonName
    self.alternativeNames = alternativeNames
  }
}
