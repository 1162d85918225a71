import CloudstateModel
import Logging
import MessageBus
import NIOCore
import NIOPosix
import ReplicatedData
import ShardStore
import Synchronization
import TestSupport
import Testing

@testable import Replication

/// Several nodes in one process, on in-memory disks and an in-memory network.
final class Cluster {
  let network: InMemoryNetwork
  var configuration: ReplicationConfiguration
  private(set) var nodes: [String: Node] = [:]
  private var disks: [String: InMemoryDisk] = [:]
  private var incarnation: UInt64 = 0
  private let pool = NIOThreadPool(numberOfThreads: 2)
  private let loops: [any EventLoop]

  init(limits: InMemoryLimits) throws {
    network = InMemoryNetwork(limits: limits)
    let service = try #require(ServiceName("test"))
    let clock = Clock()
    configuration = ReplicationConfiguration(service: service, now: { clock.next() })
    configuration.summaryInterval = .milliseconds(20)
    configuration.compareInterval = .milliseconds(20)
    configuration.retryDelay = .milliseconds(5)
    configuration.readTimeout = .milliseconds(300)
    // Changes go out as publications alone, which tests lose.
    configuration.linkTime = .zero
    let group = MultiThreadedEventLoopGroup.singleton
    loops = [group.next(), group.next()]
    pool.start()
  }

  deinit { pool.shutdownGracefully { _ in } }

  /// A node that was started.
  subscript(_ name: String) -> Node {
    guard let node = nodes[name] else { preconditionFailure("node \(name) was not started") }
    return node
  }

  /// Starts a node on its disk, and makes all nodes members of each other's views.
  ///
  /// - Parameter comparing: whether it takes part in anti-entropy.
  @discardableResult
  func start(
    _ name: String, store configuration: ShardStoreConfiguration = .init(),
    committing: InMemoryShardStore.Committing = .onThread, fault: CommitFault? = nil,
    comparing: Bool = true
  ) async throws -> Node {
    let id = try #require(NodeID(name))
    let disk = disks[name] ?? InMemoryDisk()
    disks[name] = disk
    let store = try InMemoryShardStore(
      disk: disk, configuration: configuration, committing: committing, fault: fault)
    incarnation += 1
    let replica = try ReplicaIdentity.claim(store, nodeID: id, random: .random(in: 0 ... .max))
    let bus = network.join(as: id)
    let replicator = try await Replicator.start(
      configuration: self.configuration, replica: replica, bus: bus, store: store, reader: pool,
      loops: loops, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let node = Node(
      id: id, incarnation: incarnation, replica: replica, store: store, bus: bus,
      replicator: replicator, loops: loops, comparing: comparing)
    nodes[name] = node
    for other in nodes.values where other.id != id {
      bus.connect(to: other.bus.peer(incarnation: other.incarnation))
      other.bus.connect(to: bus.peer(incarnation: incarnation))
    }
    tellMembers()
    return node
  }

  /// The node is gone without a word. What its store has not committed is lost if the test commits.
  func crash(_ name: String) async {
    let node = self[name]
    nodes[name] = nil
    await node.stop()
  }

  /// Its disk is lost too.
  func wipe(_ name: String) async {
    await crash(name)
    disks[name] = nil
  }

  func stop() async {
    for node in nodes.values {
      await node.stop()
      node.store.close()
    }
    nodes.removeAll()
  }

  /// Every node that ever was is a member, dead or alive.
  func tellMembers() {
    for node in nodes.values {
      node.replicator.setPeers(
        disks.keys.sorted().compactMap { name in
          guard name != node.id.text, let id = NodeID(name) else { return nil }
          let other = nodes[name]
          return ReplicaMembers.Peer(
            node: id, incarnation: other?.incarnation ?? 0, isAlive: other != nil)
        })
    }
  }

  func partition(_ first: String, _ second: String) throws {
    network.partition(
      try #require(NodeID(first)), try #require(NodeID(second)))
  }

  /// Waits until all nodes store the same of an entity, and that is as `condition` wants it.
  func converge(
    on entity: EntityKey, _ condition: (ReplicatedEntityState?) -> Bool = { $0 != nil }
  ) async throws {
    try await eventually("all nodes agree on \(entity)") {
      for node in nodes.values { node.store.commitPending() }
      let states = try nodes.values.map { try $0.stored(entity) }
      return states.allSatisfy { $0 == states.first } && condition(states.first ?? nil)
    }
  }
}

/// Runs a test among nodes and stops them whatever happens.
func withCluster(
  limits: InMemoryLimits = InMemoryLimits(), _ body: (Cluster) async throws -> Void
) async throws {
  let cluster = try Cluster(limits: limits)
  do {
    try await body(cluster)
  } catch {
    await cluster.stop()
    throw error
  }
  await cluster.stop()
}

/// Goes on with every look at it, so that registers are written one after the other.
private final class Clock: Sendable {
  private let time = Atomic<Int64>(1000)

  func next() -> Int64 { time.add(1, ordering: .relaxed).newValue }
}

func entity(_ id: String) -> EntityKey { EntityKey(persistenceID: "things", entityID: id) }

extension ReplicatedEntityState {
  /// The plain value of a live entity.
  var plain: FunctionValue? {
    guard case .live(let value) = self, let replica = ReplicaID("nobody") else { return nil }
    return value.functionValue(in: Electorate(replica: replica, members: []))
  }
}
