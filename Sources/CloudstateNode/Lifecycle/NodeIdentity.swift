import CloudstateModel
import ShardStore

/// What a data directory belongs to. Checked at each start: a shard's records are worth nothing to another
/// service, and another shard count would look for every entity in the wrong place.
struct NodeIdentity: Equatable {
  static let documentName = "identity"

  let service: ServiceName
  let nodeID: NodeID
  let shardCount: UInt32

  /// Writes the identity into a fresh store, or compares it with the one that is there.
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

  /// One line a field: `format service node shards`.
  var encoded: [UInt8] { Array("1\n\(service)\n\(nodeID)\n\(shardCount)".utf8) }

  init(service: ServiceName, nodeID: NodeID, shardCount: UInt32) {
    self.service = service
    self.nodeID = nodeID
    self.shardCount = shardCount
  }

  init?(encoded: [UInt8]) {
    let fields = String(decoding: encoded, as: UTF8.self).split(separator: "\n")
    guard fields.count == 4, fields[0] == "1", let service = ServiceName(String(fields[1])),
      let nodeID = NodeID(String(fields[2])), let shardCount = UInt32(fields[3])
    else { return nil }
    self.init(service: service, nodeID: nodeID, shardCount: shardCount)
  }
}
