/// What the owners of verified tokens may do, until the tokens expire. Bounded: the tokens that were used
/// least lately are forgotten, and then verified again.
///
/// Two halves instead of a list in order of use: a token that is used moves into the new half, and when that
/// is full it becomes the old one, whose tokens nobody has used meanwhile are dropped.
struct VerifiedTokens {
  private struct Entry {
    let rights: AccessRights
    /// Seconds since 1970.
    let expiry: Double
  }

  private let halfCapacity: Int
  private var new: [TokenHash: Entry] = [:]
  private var old: [TokenHash: Entry] = [:]

  /// - Parameter capacity: at least 2.
  init(capacity: Int) { halfCapacity = max(1, capacity / 2) }

  var count: Int { new.count + old.count }

  /// - Parameter now: seconds since 1970.
  mutating func rights(_ hash: TokenHash, now: Double) -> AccessRights? {
    if let entry = new[hash] {
      if now < entry.expiry { return entry.rights }
      new.removeValue(forKey: hash)
      return nil
    }
    guard let entry = old.removeValue(forKey: hash), now < entry.expiry else { return nil }
    insert(entry, for: hash)
    return entry.rights
  }

  mutating func insert(_ rights: AccessRights, for hash: TokenHash, until expiry: Double) {
    old.removeValue(forKey: hash)
    insert(Entry(rights: rights, expiry: expiry), for: hash)
  }

  mutating func removeAll() {
    new.removeAll()
    old.removeAll()
  }

  private mutating func insert(_ entry: Entry, for hash: TokenHash) {
    if new.count >= halfCapacity, new[hash] == nil {
      old = new
      new = [:]
    }
    new[hash] = entry
  }
}
