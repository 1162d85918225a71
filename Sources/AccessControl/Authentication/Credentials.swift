/// What a request shows of who makes it.
package struct Credentials: Hashable, Sendable {
  /// The values of its `authorization` headers.
  package var authorization: [String]
  /// The name in the verified certificate of its connection, if there is one.
  package var certificateName: String?

  package init(authorization: [String], certificateName: String? = nil) {
    self.authorization = authorization
    self.certificateName = certificateName
  }

  /// What to go by. A token wins over a certificate, and a wrong token is not made good by one: who sends
  /// a token wants to be its owner.
  enum Kind: Hashable {
    case token(String)
    case certificate(String)
    case nothing
    case unusable(String)
  }

  /// The longest token that is looked at, in bytes.
  static let maximumTokenBytes = 8192

  var kind: Kind {
    guard let header = authorization.first else {
      return certificateName.map(Kind.certificate) ?? .nothing
    }
    guard authorization.count == 1 else { return .unusable("several authorization headers") }
    // RFC 6750, 2.1; the scheme is in any case (RFC 9110, 11.1).
    let parts = header.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else {
      return .unusable("an authorization header without a bearer token")
    }
    let token = parts[1].drop { $0 == " " }
    guard !token.isEmpty, token.utf8.count <= Self.maximumTokenBytes else {
      return .unusable("a bearer token of \(token.utf8.count) bytes")
    }
    return .token(String(token))
  }
}
