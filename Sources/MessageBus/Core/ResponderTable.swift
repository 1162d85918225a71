import CloudstateModel

/// Who on this node answers which requests. A pure value.
struct ResponderTable<Handler> {
  private struct Entry {
    let id: UInt64
    let handler: Handler
  }

  private var tree = SubjectTree<Entry>()
  private var patterns: [UInt64: SubjectPattern] = [:]

  /// Adds a responder; ids rise with time.
  mutating func add(_ id: UInt64, pattern: SubjectPattern, handler: Handler) {
    tree.insert(Entry(id: id, handler: handler), for: pattern)
    patterns[id] = pattern
  }

  mutating func remove(_ id: UInt64) {
    guard let pattern = patterns.removeValue(forKey: id) else { return }
    tree.remove(for: pattern) { $0.id == id }
  }

  /// The most recently added responder that matches.
  func handler(for subject: Subject) -> Handler? {
    var newest: Entry?
    tree.forEachMatch(of: subject) { entry in
      if newest.map({ $0.id < entry.id }) ?? true { newest = entry }
    }
    return newest?.handler
  }
}
