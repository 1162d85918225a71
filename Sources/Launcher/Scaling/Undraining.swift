/// Nodes that were to go and stay after all, until the coordinator has taken that in.
///
/// A pure machine: events with a time in, names of nodes to send out. A drain outlives restarts of coordinator and node,
/// so one that is not taken back leaves a node without shards for good; the coordinator that did not hear of it may be
/// the very reason why the nodes stay. Bounded by the nodes of the topology.
struct Undraining: Hashable, Sendable {
  /// What came of a request.
  enum Outcome: Hashable, Sendable {
    /// It is durable, or the coordinator knows no such node.
    case settled
    /// The coordinator could not be asked, or could not do it now.
    case silent
  }

  /// How long until the coordinator is asked again. Lower values end sooner after it is back and load it more.
  static let askEvery = Duration.seconds(1)

  /// When each is to be sent; `nil` while an answer is awaited.
  private var nodes: [String: Duration?] = [:]

  var isEmpty: Bool { nodes.isEmpty }

  /// Their names, sorted.
  var names: [String] { nodes.keys.sorted() }

  func contains(_ node: String) -> Bool { nodes.keys.contains(node) }

  mutating func add(_ node: String, at now: Duration) {
    // One that is on its way says the same.
    if !contains(node) { nodes[node] = .some(now) }
  }

  /// The nodes for which the coordinator is to be asked now; ``ended(_:_:at:)`` follows for each.
  mutating func due(at now: Duration) -> [String] {
    let due = nodes.filter { $0.value.map { $0 <= now } ?? false }.keys.sorted()
    for node in due { nodes[node] = .some(nil) }
    return due
  }

  mutating func ended(_ node: String, _ outcome: Outcome, at now: Duration) {
    guard contains(node) else { return }
    switch outcome {
    case .settled: nodes.removeValue(forKey: node)
    case .silent: nodes[node] = .some(now + Self.askEvery)
    }
  }

  /// When ``due(at:)`` is to be asked next, if not after an answer.
  var nextDeadline: Duration? { nodes.values.compactMap(\.self).min() }
}
