/// Who makes a call, once that is known.
package struct Principal: Hashable, Sendable {
  /// How the caller has shown who it is.
  package enum Proof: String, Hashable, Sendable {
    /// Not at all.
    case none
    /// A token that the access file names.
    case token
    /// A signed JSON Web Token (RFC 7519).
    case jwt
    /// The certificate of its TLS connection.
    case certificate
    /// It runs inside the node's own process.
    case inside
  }

  package var name: String
  package var groups: Set<String>
  package var proof: Proof

  package init(name: String, groups: Set<String> = [], proof: Proof) {
    self.name = name
    self.groups = groups
    self.proof = proof
  }
}
