package import CloudstateModel
package import ReplicatedData
package import ShardStore

/// The name under which a node makes changes. It belongs to the store: a node that lost its store must not go on
/// numbering changes where it once began, so a new store brings a new name.
package enum ReplicaIdentity {
  static let documentName = "replica-name"

  /// Reads the name from the store, or makes one and keeps it.
  ///
  /// - Parameter random: tells this store from another one of the same node.
  package static func claim(
    _ store: any ShardStore, nodeID: NodeID, random: UInt64
  ) throws(StoreError) -> ReplicaID {
    if let kept = try store.metadata(documentName) {
      guard let name = ReplicaID(String(decoding: kept, as: UTF8.self)) else {
        throw StoreError(
          .corruptRecord,
          "the name kept for this node's changes of replicated entities is unreadable. Nothing was changed; "
            + "restore the data directory from a backup")
      }
      return name
    }
    let name = ReplicaID("\(nodeID)/\(String(random, radix: 16))") ?? unnamed(nodeID)
    try store.setMetadata(documentName, to: Array(name.text.utf8))
    return name
  }

  /// Stands for a member that has not told its name yet. No node makes changes under it.
  static func unnamed(_ nodeID: NodeID) -> ReplicaID {
    // Legal node names are legal here too.
    guard let name = ReplicaID("\(nodeID)/") else {
      preconditionFailure("\(nodeID) is no legal node name")
    }
    return name
  }
}
