import CloudstateModel
import ClusterControl
import Eventing
import Synchronization

/// The cluster handle before and after the node has joined: the public listener must be bound before the
/// node can register, because its address is part of the registration.
final class ClusterReference: Sendable {
  private let joined = Mutex<(any ClusterHandle)?>(nil)

  func set(_ handle: any ClusterHandle) { joined.withLock { $0 = handle } }

  /// What is known of the cluster; `nil` before the node has joined.
  var handle: (any ClusterHandle)? { joined.withLock { $0 } }
}

/// The cluster as tailing sees it.
struct ClusterStreamTopology: StreamTopology {
  let cluster: ClusterReference
  let shardCount: UInt32

  var planNumber: UInt64 { cluster.handle?.snapshot.planNumber ?? 0 }

  var members: [StreamMember] {
    guard let members = cluster.handle?.snapshot.members else { return [] }
    return members.values.sorted { $0.node < $1.node }.map {
      StreamMember(
        node: $0.node, publicAddress: $0.publicAddress, liveness: $0.liveness.rawValue)
    }
  }

  func assignment(of shard: UInt32) -> ShardAssignment? {
    cluster.handle?.snapshot.owner(of: shard)
  }
}
