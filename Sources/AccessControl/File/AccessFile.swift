import CloudstateModel

/// What an access file says, version 1; `Config/access.yaml` is a commented example.
package struct AccessFile: Hashable, Sendable {
  /// A bearer token that the file names.
  package struct Token: Hashable, Sendable {
    package var name: String
    package var hash: TokenHash
    package var groups: Set<String>
  }

  /// How JSON Web Tokens are checked.
  package struct WebTokens: Hashable, Sendable {
    /// The file with the keys, as it is written.
    package var keysPath: String
    /// What `iss` must be.
    package var issuer: String
    /// What `aud` must be or hold.
    package var audience: String
    /// The claim with the name of the principal.
    package var nameClaim: String
    /// The claim with its groups: a text or a list of texts.
    package var groupsClaim: String
    /// How far the clocks of issuer and node may be apart, in seconds.
    package var leeway: Double

    package init(
      keysPath: String, issuer: String, audience: String, nameClaim: String = "sub",
      groupsClaim: String = "groups", leeway: Double = 30
    ) {
      self.keysPath = keysPath
      self.issuer = issuer
      self.audience = audience
      self.nameClaim = nameClaim
      self.groupsClaim = groupsClaim
      self.leeway = leeway
    }
  }

  /// The largest file that is read, in bytes; the same for keys files.
  package static let maximumBytes = 4 << 20
  package static let maximumTokens = 10_000
  package static let maximumRules = 1000

  package var tokens: [Token] = []
  package var webTokens: WebTokens?
  /// Whether the certificate of a TLS connection shows a name.
  package var takesCertificates = false
  /// The name of callers without credentials; `nil`: they are refused.
  package var anonymousName: String?
  package var policy = AccessPolicy()

  package init() {}

  /// Whether a text can be the name of a principal or a group in an access file.
  package static func isName(_ text: String) -> Bool {
    (1...200).contains(text.count) && !text.hasPrefix("group:") && text != "anyone"
      && text != "authenticated"
      && !text.unicodeScalars.contains { $0.properties.isWhitespace || $0.value < 0x20 }
  }

  /// The principal with a name, as far as the file tells: with the groups of the token of this name.
  ///
  /// - Parameter groups: further ones.
  package func principal(named name: String, groups: Set<String>) -> Principal {
    let token = tokens.first { sameBytes($0.name, name) }
    let isAnonymous = token == nil && anonymousName.map { sameBytes($0, name) } == true
    return Principal(
      name: name, groups: groups.union(token?.groups ?? []),
      proof: isAnonymous ? .none : token == nil ? .jwt : .token)
  }
}
