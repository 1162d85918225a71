import AccessControl
import Administration
import CloudstateModel
import ClusterControl
import DynamicProtobuf
import EntityRuntime
import GRPCTransport
import Ingress
import MessageBus
import NIOPosix
import ShardStore

// What a node shows of the data of its service, and to whom.
extension CloudstateNode {
  func startData(
    _ spec: ServiceSpec, store: any ShardStore, copies: any ShardCopies, bus: any MessageBus,
    cluster: ClusterReference, leases: ShardLeases, reader: NIOThreadPool, _ teardown: Teardown
  ) -> DataService {
    let pool = spec.pool
    let data = DataService(
      service: configuration.service, shardCount: configuration.shardCount, store: store,
      copies: copies, bus: bus, topology: ClusterDataTopology(cluster: cluster, leases: leases),
      pool: reader,
      types: spec.entities.compactMap(DataEntityType.init),
      json: { typeURL, value in
        guard let slash = typeURL.lastIndex(of: "/") else { return nil }
        return try? pool.json(
          fromBinary: value, message: String(typeURL[typeURL.index(after: slash)...]),
          printDefaults: true)
      })
    data.start()
    teardown.add("administration of data") { data.stop() }
    return data
  }
}

extension DataService {
  /// As ``handler(for:)``, for a caller with these rights: each method needs the right `admin` to its own
  /// subject. Without access control whoever is on the same machine has it (see ``AccessRights``).
  func handler(
    for call: any GRPCServerCall, rights: AccessRights
  ) -> (any GRPCServerCallHandler)? {
    guard let method = DataMethod(path: call.path) else { return nil }
    let subject = Subject(tokens: ["cs", "admin"] + method.verb)
    guard rights.allows(.admin, subject) else { return AccessRefusal.deny(call) }
    call.rests(on: .admin, SubjectPattern(subject), isStream: false)
    return handler(for: call)
  }
}

extension DataEntityType {
  /// `nil` for what keeps no state.
  init?(_ entity: ServedEntity) {
    let kind: Kind
    switch entity.kind {
    case .eventSourced: kind = .eventSourced
    case .valueEntity: kind = .valueEntity
    case .crdt: kind = .crdt
    case .action, .statelessFunction: return nil
    }
    self.init(
      serviceName: entity.serviceName, persistenceID: entity.persistenceID, kind: kind)
  }
}

/// The cluster as the administration of data sees it.
struct ClusterDataTopology: DataTopology {
  let cluster: ClusterReference
  let leases: ShardLeases

  var planNumber: UInt64 { cluster.handle?.snapshot.planNumber ?? 0 }

  var members: [DataMember] {
    guard let members = cluster.handle?.snapshot.members else { return [] }
    return members.values.sorted { $0.node < $1.node }.map {
      DataMember(node: $0.node, publicAddress: $0.publicAddress, liveness: $0.liveness.rawValue)
    }
  }

  func assignment(of shard: UInt32) -> ShardAssignment? {
    cluster.handle?.snapshot.owner(of: shard)
  }

  func mayAnswer(for shard: ShardID) -> Bool { leases.isHeld(shard) }
}
