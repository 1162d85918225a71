/// What a data directory belongs to, as it is kept in it: a shard's records are worth nothing to another
/// service, and another shard count would look for every entity in the wrong place.
package struct NodeIdentity: Hashable, Sendable {
  /// The name of the document in the store.
  package static let documentName = "identity"

  package let service: ServiceName
  package let nodeID: NodeID
  package let shardCount: UInt32

  package init(service: ServiceName, nodeID: NodeID, shardCount: UInt32) {
    self.service = service
    self.nodeID = nodeID
    self.shardCount = shardCount
  }

  /// One line a field: `format service node shards`.
  package var encoded: [UInt8] { Array("1\n\(service)\n\(nodeID)\n\(shardCount)".utf8) }

  package init?(encoded: [UInt8]) {
    let fields = String(decoding: encoded, as: UTF8.self).split(separator: "\n")
    guard fields.count == 4, fields[0] == "1", let service = ServiceName(String(fields[1])),
      let nodeID = NodeID(String(fields[2])), let shardCount = UInt32(fields[3])
    else { return nil }
    self.init(service: service, nodeID: nodeID, shardCount: shardCount)
  }
}
