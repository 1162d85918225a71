import CloudstateModel
import ClusterControl
import Testing

// Names and shorthands of these tests.

func service(_ name: String = "cart") throws -> ServiceName { try #require(ServiceName(name)) }

func node(_ name: String) throws -> NodeID { try #require(NodeID(name)) }

/// A node's card; its endpoints follow from name and incarnation unless given.
func card(
  _ name: String, service serviceText: String = "cart", incarnation: UInt64 = 1,
  endpoint: String? = nil
) throws -> NodeInfo {
  let endpoint = endpoint ?? "inproc://\(name)-\(incarnation)"
  return NodeInfo(
    node: try node(name), service: try service(serviceText), requestEndpoint: endpoint,
    publishEndpoint: endpoint + "-pub", publicAddress: "127.0.0.1:9000", incarnation: incarnation)
}

func registration(
  _ name: String, service: String = "cart", incarnation: UInt64 = 1, endpoint: String? = nil,
  shards: UInt32 = 4, plan: UInt64 = 0, copies: UInt32 = 1
) throws -> Registration {
  Registration(
    info: try card(name, service: service, incarnation: incarnation, endpoint: endpoint),
    shardCount: shards, planNumber: plan, replicationFactor: copies)
}

func shard(_ index: UInt32, of name: String = "cart") throws -> ShardID {
  ShardID(service: try service(name), index: index)
}

func nodes(_ names: String...) throws -> [NodeID] { try names.map { try node($0) } }

/// A moment `seconds` after the start of the trace.
func at(_ seconds: Double) -> Moment {
  Moment(
    uptime: .milliseconds(Int64((seconds * 1000).rounded())),
    wall: Timestamp(unixMilliseconds: 1_700_000_000_000 + Int64((seconds * 1000).rounded())))
}

extension Plan {
  /// The primaries of a service's shards, in shard order.
  func primaries(of service: ServiceName) -> [String] {
    shards.filter { $0.shard.service == service }.sorted { $0.shard < $1.shard }
      .map(\.primary.text)
  }
}
