package import CloudstateModel
package import MessageBus

/// A node's address card, as the node itself gives it out at registration.
package struct NodeInfo: Hashable, Sendable {
  /// Longer endpoints, addresses and zones are refused; the bound keeps a view's size bounded.
  package static let maximumTextLength = 256

  package var node: NodeID
  package var service: ServiceName
  /// Endpoint of the node's requests and answers on the bus.
  package var requestEndpoint: String
  /// Endpoint of the node's publications on the bus.
  package var publishEndpoint: String
  /// `host:port` of the public gRPC listener.
  package var publicAddress: String
  /// Distinguishes restarts of the same node: milliseconds since 1970 at its start.
  package var incarnation: UInt64
  /// Where the node stands, such as an availability zone; may be empty.
  package var zone: String

  package init(
    node: NodeID, service: ServiceName, requestEndpoint: String, publishEndpoint: String,
    publicAddress: String, incarnation: UInt64, zone: String = ""
  ) {
    self.node = node
    self.service = service
    self.requestEndpoint = requestEndpoint
    self.publishEndpoint = publishEndpoint
    self.publicAddress = publicAddress
    self.incarnation = incarnation
    self.zone = zone
  }
}

/// What the coordinator makes of a node's heartbeats.
package enum Liveness: String, Hashable, Sendable, CaseIterable {
  /// Heard of within the suspect timeout.
  case alive
  /// Silent for longer than the suspect timeout; may still come back unnoticed.
  case suspect
  /// Silent for longer than the liveness timeout.
  case down
}

/// One node of the cluster as the coordinator last described it.
package struct ClusterMember: Hashable, Sendable {
  package var info: NodeInfo
  package var liveness: Liveness
  /// The node shall lose its shards and get no new ones (`cs-admin drain`).
  package var isDraining: Bool

  package init(info: NodeInfo, liveness: Liveness, isDraining: Bool = false) {
    self.info = info
    self.liveness = liveness
    self.isDraining = isDraining
  }

  package var node: NodeID { info.node }
  package var service: ServiceName { info.service }
  package var publicAddress: String { info.publicAddress }
  package var incarnation: UInt64 { info.incarnation }

  /// Where the bus reaches the node.
  package var peer: BusPeer {
    BusPeer(
      node: info.node, requestEndpoint: info.requestEndpoint,
      publishEndpoint: info.publishEndpoint, incarnation: info.incarnation)
  }
}

extension NodeID {
  /// The name under which the coordinator is on the bus. No node may register with it.
  package static let coordinator: NodeID = {
    guard let name = NodeID("coordinator") else {
      preconditionFailure("the coordinator's own name is not legal")
    }
    return name
  }()
}
