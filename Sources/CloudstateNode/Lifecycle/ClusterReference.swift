import CloudstateModel
import ClusterControl
import Eventing
import Synchronization

/// The cluster handle before and after the node has joined: the public listener must be bound before the
/// node can register, because its address is part of the registration.
final class ClusterReference: Sendable {
  private struct Joined {
    let handle: any ClusterHandle
    var leave: (@Sendable () async throws -> Void)?
  }

  private let joined = Mutex<Joined?>(nil)

  /// - Parameter leave: ends the membership; `nil` where there is nothing to end.
  func join(_ handle: any ClusterHandle, leave: (@Sendable () async throws -> Void)? = nil) {
    joined.withLock { $0 = Joined(handle: handle, leave: leave) }
  }

  /// Ends the membership, once. What was known of the cluster stays known.
  func leave() async throws {
    let leave = joined.withLock { joined in
      defer { joined?.leave = nil }
      return joined?.leave
    }
    try await leave?()
  }

  /// What is known of the cluster; `nil` before the node has joined.
  var handle: (any ClusterHandle)? { joined.withLock { $0?.handle } }
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
