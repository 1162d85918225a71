package import CloudstateModel
package import ReplicatedData

/// The nodes that hold copies, as one of them knows them. A value.
package struct ReplicaMembers: Hashable, Sendable {
  /// Another node of the service.
  package struct Peer: Hashable, Sendable {
    /// A node from its start to its end.
    struct Life: Hashable, Sendable {
      let node: NodeID
      let incarnation: UInt64
    }

    package var node: NodeID
    /// Distinguishes restarts of the node.
    package var incarnation: UInt64
    /// Whether it is worth asking.
    package var isAlive: Bool

    var life: Life { Life(node: node, incarnation: incarnation) }

    package init(node: NodeID, incarnation: UInt64, isAlive: Bool) {
      self.node = node
      self.incarnation = incarnation
      self.isAlive = isAlive
    }
  }

  /// The node's own name.
  package let replica: ReplicaID
  /// In the order of their names.
  package private(set) var peers: [Peer] = []
  private var names: [NodeID: ReplicaID] = [:]

  package init(replica: ReplicaID) { self.replica = replica }

  /// Takes over the members of a view. Nodes that the coordinator has declared down are not among them: they
  /// get what they missed when they come back.
  ///
  /// - Returns: the nodes that are new or have restarted.
  package mutating func become(_ peers: [Peer]) -> [NodeID] {
    let known = Dictionary(
      self.peers.map { ($0.node, $0.incarnation) }, uniquingKeysWith: { $1 })
    self.peers = peers.sorted { $0.node < $1.node }
    let fresh = self.peers.filter { known[$0.node] != $0.incarnation }.map(\.node)
    let remaining = Set(peers.map(\.node))
    names = names.filter { remaining.contains($0.key) }
    return fresh
  }

  /// A member has told its name.
  ///
  /// - Returns: whether that is news.
  package mutating func learn(_ name: ReplicaID, of node: NodeID) -> Bool {
    guard peers.contains(where: { $0.node == node }), names[node] != name else { return false }
    names[node] = name
    return true
  }

  /// Who votes.
  package var electorate: Electorate {
    var members: Set<ReplicaID> = [replica]
    for peer in peers { members.insert(names[peer.node] ?? ReplicaIdentity.unnamed(peer.node)) }
    return Electorate(replica: replica, members: members)
  }

  /// How many other nodes have to confirm a change.
  package func confirmations(for consistency: WriteConsistency) -> Int {
    let members = peers.count + 1
    return switch consistency {
    case .local: 0
    case .majority: members / 2
    case .all: members - 1
    }
  }
}
