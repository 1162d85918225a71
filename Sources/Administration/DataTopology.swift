package import CloudstateModel
import GRPCTransport

/// What the service must know of the cluster, supplied by the node. Members may be called from any thread and
/// must not block.
package protocol DataTopology: Sendable {
  /// The number of the newest plan applied.
  var planNumber: UInt64 { get }
  /// The nodes of the service.
  var members: [DataMember] { get }
  /// The current assignment of a shard, or `nil` while it is unassigned.
  func assignment(of shard: UInt32) -> ShardAssignment?
  /// Whether this node serves the shard now, and no other can have become its primary.
  func mayAnswer(for shard: ShardID) -> Bool
}

/// One node of the service.
package struct DataMember: Hashable, Sendable {
  package var node: NodeID
  /// `host:port` of the public listener.
  package var publicAddress: String
  /// A word such as `alive`.
  package var liveness: String

  package init(node: NodeID, publicAddress: String, liveness: String) {
    self.node = node
    self.publicAddress = publicAddress
    self.liveness = liveness
  }
}

/// A type of entity whose state the service keeps.
package struct DataEntityType: Hashable, Sendable {
  package enum Kind: String, Sendable {
    case eventSourced = "event-sourced"
    case valueEntity = "value-entity"
    case crdt
  }

  /// Full name of its gRPC service.
  package var serviceName: String
  package var persistenceID: String
  package var kind: Kind

  package init(serviceName: String, persistenceID: String, kind: Kind) {
    self.serviceName = serviceName
    self.persistenceID = persistenceID
    self.kind = kind
  }
}

/// The types that people may ask for, by the names that they know.
struct DataEntityTypes: Sendable {
  let all: [DataEntityType]

  /// - Parameter name: a persistence id, the full name of a gRPC service, or its last part.
  func find(_ name: String) throws(DataRefusal) -> DataEntityType {
    if let type = all.first(where: { $0.persistenceID == name || $0.serviceName == name }) {
      return type
    }
    let matches = all.filter { $0.serviceName.hasSuffix(".\(name)") }
    if matches.count == 1 { return matches[0] }
    guard matches.isEmpty else {
      throw DataRefusal(
        .invalidArgument,
        "'\(name)' may be \(matches.map(\.serviceName).joined(separator: " or ")); use the full name"
      )
    }
    let known = all.map { "\($0.persistenceID) (\($0.serviceName))" }.joined(separator: ", ")
    throw DataRefusal(
      .notFound,
      "there is no type of entity '\(name.prefix(200))' here; there is \(known.isEmpty ? "none" : known)"
    )
  }
}
