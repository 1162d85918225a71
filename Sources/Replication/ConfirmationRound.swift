import CloudstateModel

/// Which nodes have confirmed a change: a pure value.
struct ConfirmationRound: Sendable {
  enum Step: Equatable {
    /// Enough nodes have confirmed.
    case reached
    /// Ask the node again after a while.
    case retry(NodeID)
    /// Nothing to do but to wait.
    case wait
  }

  private var missing: Int
  private var unheard: Set<NodeID>

  /// - Parameters:
  ///   - needed: how many nodes have to confirm.
  ///   - peers: the nodes that are asked.
  init(needed: Int, peers: [NodeID]) {
    missing = needed
    unheard = Set(peers)
  }

  var isReached: Bool { missing <= 0 }

  mutating func confirmed(by node: NodeID) -> Step {
    guard !isReached, unheard.remove(node) != nil else { return .wait }
    missing -= 1
    return isReached ? .reached : .wait
  }

  /// A node could not be reached or could not store the change.
  func failed(at node: NodeID) -> Step {
    isReached || !unheard.contains(node) ? .wait : .retry(node)
  }
}
