/// The tokens that an access file names, and what their owners may do.
struct StaticTokens: Sendable {
  private struct Entry {
    let hash: TokenHash
    /// `nil` for the decoy.
    let rights: AccessRights?
  }

  private let entries: [UInt64: [Entry]]
  /// What an unknown token is compared with, so that known and unknown ones take the same way.
  private let decoy: [Entry]

  init(_ tokens: [(hash: TokenHash, rights: AccessRights)]) {
    entries = Dictionary(
      grouping: tokens.map { Entry(hash: $0.hash, rights: $0.rights) }, by: \.hash.prefix)
    decoy = [Entry(hash: TokenHash(of: ""), rights: nil)]
  }

  /// What the owner of a token may do; `nil` for a token that is not named.
  func rights(_ hash: TokenHash) -> AccessRights? {
    var found: AccessRights?
    for entry in entries[hash.prefix] ?? decoy where entry.hash == hash { found = entry.rights }
    return found
  }
}
