import CloudstateModel
import Synchronization

/// An access file with the keys it names, ready to be asked. Immutable; any thread.
package final class AccessSettings: Sendable {
  /// Certificates whose rights are remembered; when there are more, all are worked out again.
  private static let maximumCertificates = 1024

  /// A name that is equal to another when its bytes are.
  private struct ExactName: Hashable {
    let text: String
    static func == (left: Self, right: Self) -> Bool { sameBytes(left.text, right.text) }
    func hash(into hasher: inout Hasher) { hasher.combine(text) }
  }

  private let certificates = Mutex<[ExactName: AccessRights]>([:])
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

  /// What the owner of a certificate may do: worked out once, then a look-up, as it is asked on event loops.
  func rights(ofCertificate name: String) -> AccessRights {
    let key = ExactName(text: name)
    if let known = certificates.withLock({ $0[key] }) { return known }
    let rights = file.policy.rights(of: Principal(name: name, proof: .certificate))
    certificates.withLock { certificates in
      if certificates.count >= Self.maximumCertificates { certificates.removeAll() }
      certificates[key] = rights
    }
    return rights
  }

  /// Certificates whose rights are remembered now.
  var rememberedCertificates: Int { certificates.withLock(\.count) }
}
