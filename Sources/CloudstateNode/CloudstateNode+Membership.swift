import CloudstateModel
import ClusterControl
import EntityRuntime
import GRPCTransport
import Ingress
import Logging
import MessageBus
import Replication
import ShardReplication
import ShardStore
import Synchronization

// How a node becomes a member of its cluster, and what it watches while it serves.
extension CloudstateNode {
  func join(
    _ cluster: ClusterReference, bus: ZeroMQMessageBus, store: any ShardStore,
    publicAddress: String, runtime: EntityRuntime, meters: NodeMeters
  ) async throws -> any ClusterHandle {
    let info = NodeInfo(
      node: configuration.nodeID, service: configuration.service,
      requestEndpoint: bus.requestEndpoint, publishEndpoint: bus.publishEndpoint,
      publicAddress: publicAddress,
      incarnation: meters.incarnation,
      zone: configuration.replication.zone)
    guard let coordinator = configuration.coordinator else {
      let alone = StandaloneMembership(info: info, shardCount: configuration.shardCount)
      cluster.join(alone)
      return alone
    }
    readiness.become(.notReady("waiting for a plan of the coordinator at \(coordinator)"))
    let counters = runtime.counters
    var settings = MembershipConfiguration(
      info: info, shardCount: configuration.shardCount, coordinatorEndpoint: coordinator)
    settings.replicationFactor = configuration.replication.factor
    let membership = try await ClusterMembership.start(
      bus: bus, configuration: settings,
      loadView: { try store.metadata(Self.viewDocument) },
      saveView: { try store.setMetadata(Self.viewDocument, to: $0) },
      load: {
        NodeLoad(
          commands: counters.commands.load(ordering: .relaxed),
          activeEntities: UInt32(clamping: counters.activeEntities.load(ordering: .relaxed)),
          openCalls: 0)
      }, sample: { meters.sample() }, logger: logger)
    cluster.join(membership) { try await membership.stop() }
    return membership
  }

  private static let viewDocument = "cluster-view"

  /// Follows plans, the function and the bus until the task is cancelled.
  func watch(
    _ cluster: any ClusterHandle, shards: NodeShards, replicator: Replicator?,
    function: UserFunction, spec: ServiceSpec, transcoder: HTTPTranscoder,
    busFailures: AsyncStream<Void>, publicAddress: String
  ) async throws {
    let (changes, continuation) = AsyncStream<Void>.makeStream(
      bufferingPolicy: .bufferingNewest(1))
    follow(cluster, with: shards)
    cluster.addListener { _ in continuation.yield() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await self.followPlans(
          changes, cluster: cluster, shards: shards, publicAddress: publicAddress)
      }
      group.addTask { try await shards.scrubber.run() }
      group.addTask {
        try await self.followFunction(function, spec: spec, transcoder: transcoder)
      }
      if let replicator {
        followMembers(of: cluster, replicator)
        group.addTask { try await replicator.run() }
      }
      group.addTask {
        for await _ in busFailures {
          throw NodeError(.bus, "the bus cannot go on; the node ends, to be started again")
        }
      }
      try await group.waitForAll()
    }
  }

  private func followPlans(
    _ changes: AsyncStream<Void>, cluster: any ClusterHandle, shards: NodeShards,
    publicAddress: String
  ) async throws {
    var isAnnounced = false
    for await _ in changes {
      let snapshot = cluster.snapshot
      if let refusal = snapshot.refusal { logger.warning("the coordinator refuses: \(refusal)") }
      guard snapshot.isFullyAssigned, !isAnnounced else { continue }
      try await waitUntilSettled(shards)
      isAnnounced = true
      readiness.become(.ready)
      configuration.access?.open()
      try announce(publicAddress: publicAddress, planNumber: snapshot.planNumber)
    }
  }

  /// Discovers again whenever the function is back, and goes on only if it serves the same.
  private func followFunction(
    _ function: UserFunction, spec: ServiceSpec, transcoder: HTTPTranscoder
  ) async throws {
    for await _ in function.reconnections {
      let now = try await function.discover(policy: discoveryPolicy)
      guard now.isCompatible(with: spec) else {
        let text =
          "the user function \(configuration.function) came back with other services; restart this "
          + "node to serve them"
        await function.reportLast(text)
        throw NodeError(.discovery, text)
      }
      transcoder.update(try await httpBindings(now, function: function))
      logger.info("the user function \(configuration.function) is back")
    }
  }

  private func announce(publicAddress: String, planNumber: UInt64) throws {
    let protection = configuration.listener.tls == nil ? "" : " (TLS)"
    logger.info("ready at \(publicAddress)\(protection), plan \(planNumber)")
    guard let path = configuration.readyFile else { return }
    try ReadyFile(
      nodeID: configuration.nodeID, publicAddress: publicAddress,
      managementAddress: configuration.management?.description ?? ""
    ).write(to: path)
  }
}
