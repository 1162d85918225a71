/// Which of several coordinators a node asks: one leads, and the others may know which. A pure value.
struct CoordinatorSearch: Hashable, Sendable {
  /// As the node was told, at least one.
  let endpoints: [String]
  /// The one that is asked.
  private(set) var current: String
  private var index = 0
  /// Whether another coordinator named the current one and it has not answered yet: then it is not asked to name a
  /// third, since two that err could send a node to and fro without end.
  private var isFollowingWord = false

  init(endpoints: [String]) {
    self.endpoints = endpoints
    current = endpoints.first ?? ""
  }

  /// Whether there is anything to choose.
  var hasChoice: Bool { endpoints.count > 1 }

  /// The current one does not answer, or does not lead and knows nobody who does.
  mutating func next() {
    isFollowingWord = false
    guard hasChoice else { return }
    index = (index + 1) % endpoints.count
    current = endpoints[index]
  }

  /// The current one names the leader. Answers whether that is worth a try at once; otherwise ``next()`` has been
  /// chosen.
  mutating func leaderNamed(_ endpoint: String?) -> Bool {
    guard let endpoint, endpoint != current, !isFollowingWord else {
      next()
      return false
    }
    isFollowingWord = true
    current = endpoint
    if let known = endpoints.firstIndex(of: endpoint) { index = known }
    return true
  }

  /// The current one leads.
  mutating func found() { isFollowingWord = false }
}
