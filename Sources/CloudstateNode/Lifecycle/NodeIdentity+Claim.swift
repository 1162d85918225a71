import CloudstateModel
import ShardStore

extension NodeIdentity {
  /// Writes the identity into a fresh store, or compares it with the one that is there. Done at each start.
  ///
  /// - Throws: ``NodeError`` if the directory belongs to something else, ``StoreError`` if it cannot be read.
  func claim(_ store: any ShardStore, at path: String) throws {
    guard let stored = try store.metadata(Self.documentName) else {
      try store.setMetadata(Self.documentName, to: encoded)
      return
    }
    guard let owner = Self(encoded: stored) else {
      throw NodeError(.store, "the identity kept in \(path) is unreadable")
    }
    guard owner == self else {
      throw NodeError(
        .configuration,
        "the data directory \(path) belongs to node \(owner.nodeID) of service \(owner.service) "
          + "with \(owner.shardCount) shards, not to node \(nodeID) of service \(service) with "
          + "\(shardCount); give this node a data directory of its own with --data")
    }
  }
}
