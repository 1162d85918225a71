import CloudstateModel
import ClusterControl
import EntityRuntime
import MessageBus
import NIOCore
import NIOPosix
import Replication
import ShardStore
import Synchronization

/// The replicated entities of a node: their instances, and their copies.
struct ReplicatedEntities: Sendable {
  let runtime: ReplicatedRuntime
  let replicator: Replicator
  let effects: EffectRunnerReference
}

/// Runs the side effects of replicated entities once the runner of commands is there, which itself needs the
/// entities.
final class EffectRunnerReference: Sendable {
  private let runner = Mutex<CommandRunner?>(nil)

  func set(_ runner: CommandRunner) { self.runner.withLock { $0 = runner } }

  func run(_ effects: [SideEffect], of serviceName: String, on eventLoop: any EventLoop) {
    runner.withLock { $0 }?.run(effects, of: serviceName, on: eventLoop)
  }
}

extension CloudstateNode {
  /// - Returns: `nil` if the function serves no replicated entities.
  func startReplicatedEntities(
    _ spec: ServiceSpec, function: UserFunction, store: any ShardStore, bus: any MessageBus,
    loops: [any EventLoop], reader: NIOThreadPool, counters: EntityCounters, _ teardown: Teardown
  ) async throws -> ReplicatedEntities? {
    let entities = spec.entities.filter { $0.kind == .crdt }
    guard !entities.isEmpty else { return nil }
    var settings = ReplicationConfiguration(
      service: configuration.service,
      now: { ShardStoreConfiguration.systemTime().unixMilliseconds })
    // A copy travels in one message, with its names.
    settings.maximumCopyBytes = max(configuration.maximumMessageBytes, 15 << 20)
    let replica = try ReplicaIdentity.claim(
      store, nodeID: configuration.nodeID, random: .random(in: .min ... .max))
    let replicator = try await Replicator.start(
      configuration: settings, replica: replica, bus: bus, store: store, reader: reader,
      loops: loops, logger: logger)
    teardown.add("replication") { await replicator.stop() }

    var runtimeSettings = ReplicatedRuntimeConfiguration()
    for entity in entities {
      runtimeSettings.services[entity.serviceName] = .init(
        dialect: entity.crdtDialect ?? .current, passivationTimeout: entity.passivationTimeout)
    }
    runtimeSettings.passivationTimeout = configuration.entities.passivationTimeout
    runtimeSettings.commandTimeout = configuration.entities.commandTimeout
    runtimeSettings.closeTimeout = configuration.entities.closeTimeout
    runtimeSettings.passesMetadata = configuration.entities.passesMetadata
    runtimeSettings.maximumStreams = maximumStreams(of: spec)
    var ports: [NIOLoopBound<any ReplicaPort>] = []
    for (loop, shelf) in zip(loops, replicator.shelves) {
      ports.append(
        try await loop.submit {
          NIOLoopBound(ReplicaShelfPort(shelf.value) as any ReplicaPort, eventLoop: loop)
        }.get())
    }
    let effects = EffectRunnerReference()
    let runtime = try await ReplicatedRuntime(
      configuration: runtimeSettings, replicas: ports, functions: try await function.links(),
      loops: loops,
      effects: { effects.run($0, of: $1, on: $2) }, counters: counters, logger: logger)
    let grace = configuration.shutdownGrace
    teardown.add("replicated entities") { await runtime.stop(grace: grace) }
    return ReplicatedEntities(runtime: runtime, replicator: replicator, effects: effects)
  }

  /// Tells the replication who the other nodes of the service are, now and with each plan.
  func followMembers(of cluster: any ClusterHandle, _ replicator: Replicator) {
    let (service, nodeID) = (configuration.service, configuration.nodeID)
    cluster.addListener { change in
      replicator.setPeers(
        change.snapshot.members.values
          .filter { $0.service == service && $0.node != nodeID && $0.liveness != .down }
          .map {
            ReplicaMembers.Peer(
              node: $0.node, incarnation: $0.incarnation, isAlive: $0.liveness == .alive)
          })
    }
  }
}
