import CloudstateModel

/// An access file with the keys it names, ready to be asked. Immutable; any thread.
package final class AccessSettings: Sendable {
  package let file: AccessFile
  let tokens: StaticTokens
  let verifier: TokenVerifier?
  /// Of callers without credentials; `nil`: they are refused.
  let anonymous: AccessRights?

  package init(_ file: AccessFile, verifier: TokenVerifier?) {
    self.file = file
    self.verifier = verifier
    tokens = StaticTokens(
      file.tokens.map { token in
        let principal = Principal(name: token.name, groups: token.groups, proof: .token)
        return (token.hash, file.policy.rights(of: principal))
      })
    anonymous = file.anonymousName.map {
      file.policy.rights(of: Principal(name: $0, proof: .none))
    }
  }
}
