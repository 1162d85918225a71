import AccessControl
import CloudstateModel
import ClusterControl
import DynamicProtobuf
import EntityRuntime
import Eventing
import GRPCTransport
import Ingress
import Logging
import MessageBus
import NIOCore
import NIOPosix
import ReplicatedData
import Replication
import ShardReplication
import ShardStore

// The start of a node, step by step. This is the only place that knows every part.
extension CloudstateNode {
  /// Starts everything and serves until the task is cancelled. What was started is in `teardown`.
  ///
  /// - Parameter access: finds out who makes a call; `nil` where no access is controlled.
  func serve(_ access: Authenticator?, _ teardown: Teardown) async throws {
    let group = MultiThreadedEventLoopGroup(
      numberOfThreads: configuration.eventLoops ?? NodeConfiguration.defaultEventLoops)
    teardown.add("event loops") { try await group.shutdownGracefully() }
    let loops = Array(group.makeIterator())
    let reader = NIOThreadPool(numberOfThreads: 2)
    reader.start()
    teardown.add("readers") { try await reader.shutdownGracefully() }

    // Before anything is waited for: a wrong file is told at once.
    let listener = try listenerSettings(group: group, teardown)
    allowDescriptors()
    try await startManagement(group: group, teardown)
    let database = try openStore(teardown)
    let (busFailures, busFailure) = AsyncStream<Void>.makeStream(
      bufferingPolicy: .bufferingNewest(1))
    let bus = try startBus(teardown) { busFailure.yield() }
    // Left behind everything that is still carried out for others.
    let cluster = ClusterReference()
    teardown.add("membership") { try await cluster.leave() }

    let function = try await connectFunction(loops: loops, teardown)
    let policy = discoveryPolicy
    readiness.become(
      .notReady("waiting for the user function \(configuration.function)"))
    let spec = try await function.discover(policy: policy)
    let services = spec.entities.map(\.serviceName).joined(separator: ", ")
    let bindings = try await httpBindings(spec, function: function)
    logger.info("serving \(services) of the user function \(configuration.function)")

    let damage = DamageReports()
    let meters = NodeMeters(
      node: configuration.nodeID,
      incarnation: UInt64(clamping: ShardStoreConfiguration.systemTime().unixMilliseconds),
      at: NIODeadline.now().uptimeNanoseconds)
    let (settings, shardLoops) = entitySettings(
      spec, damage: damage, meters: meters, loops: loops)
    let store = ConfirmingStore(database, loops: shardLoops) { Int($0) % shardLoops.count }
    let replication = ReplicatorReference()
    // What the entities finish must still be confirmed by the shards' other copies.
    teardown.add("shards") { await replication.stop() }
    let runtime = try await startEntities(
      settings, function: function, store: store, loops: loops, reader: reader, teardown)
    let replicated = try await startReplicatedEntities(
      spec, function: function, store: store, bus: bus, loops: loops, reader: reader,
      counters: runtime.counters, teardown)
    let actions = ActionRuntime(
      links: try await function.links(), loops: loops,
      statelessFunctions: Set(
        spec.entities.filter { $0.kind == .statelessFunction }.map(\.serviceName)),
      unaryTimeout: commandTimeout, meter: meters.functions)
    let methods = EntityMethods(spec)
    let commands = RoutedCommandServer(
      bus: bus, service: configuration.service, shardCount: configuration.shardCount,
      methods: methods, runtime: runtime)
    // What runs of them, the entities finish.
    teardown.add("routed commands") { commands.stop() }

    let streams = startStreams(
      spec, store: store, bus: bus, cluster: cluster, reader: reader, loop: loops[0])
    let leases = ShardLeases()
    let data = startData(
      spec, store: store, copies: database, bus: bus, cluster: cluster, leases: leases,
      reader: reader, teardown)
    let report: @Sendable (String) -> Void = { [logger] text in
      logger.warning("\(text)")
      function.report(text)
    }
    let router = makeRouter(methods: methods, runtime: runtime, bus: bus, cluster: cluster)
    let runner = CommandRunner(
      router: router, actions: actions, replicated: replicated?.runtime, methods: methods,
      elsewhere: TopologyCalls(
        cluster: cluster, bus: bus, service: configuration.service, timeout: commandTimeout),
      meter: meters.requests, report: report)
    replicated?.effects.set(runner)
    let calls = TopologyCallServer(
      bus: bus, service: configuration.service, methods: methods, runner: runner, loops: loops)
    let grace = TimeAmount(configuration.shutdownGrace)
    teardown.add("calls of other services") { await calls.stop(within: grace) }
    let consumers = try await startConsumers(
      spec, caller: EventCallRunner(runner: runner, actionTimeout: commandTimeout, report: report),
      store: store, runtime: runtime, loops: loops, reader: reader, teardown)
    let shards = try await startShards(
      store, runtime: runtime, leases: leases, consumers: consumers, router: router, bus: bus,
      loops: shardLoops, reader: reader, damage: damage, verifier: database, teardown)
    replication.set(shards.replicator)
    let door = try await openFrontDoor(
      spec, bindings: bindings, methods: methods, runner: runner, streams: streams,
      data: data, access: access, report: report, settings: listener, group: group, teardown)
    prepareLocalCalls(ingress: door.ingress, runtime: runtime, loops: loops, teardown)
    // Before the listener waits for its calls, some of which wait for this.
    teardown.add("waiting for tokens") { access?.stop() }
    // Tails would keep their connections open for ever; they go on at another node.
    teardown.add("event streams") { streams.stop() }
    teardown.add("acceptance of connections") { await door.server.beginShutdown() }

    let publicAddress = door.publicAddress
    let handle = try await join(
      cluster, bus: bus, store: store, publicAddress: publicAddress, runtime: runtime,
      meters: meters)
    handle.addListener { change in
      for assignment in change.assignments { router.shardChanged(assignment.shard) }
    }
    try await watch(
      handle, shards: shards, replicator: replicated?.replicator, function: function, spec: spec,
      transcoder: door.transcoder, busFailures: busFailures, publicAddress: publicAddress)
  }

  // MARK: Parts

  private func openStore(_ teardown: Teardown) throws -> any ShardVerifying {
    var settings = ShardStoreConfiguration()
    settings.idempotencyRetention = configuration.idempotencyRetention
    let store = try RocksDBShardStore.open(
      path: configuration.data, configuration: settings, logger: logger)
    teardown.add("store") { store.close() }
    try NodeIdentity(
      service: configuration.service, nodeID: configuration.nodeID,
      shardCount: configuration.shardCount
    ).claim(store, at: configuration.data)
    return store
  }

  private func startBus(
    _ teardown: Teardown, failed: @escaping @Sendable () -> Void
  ) throws -> ZeroMQMessageBus {
    var settings = ZeroMQBusConfiguration()
    settings.requestBind = configuration.busRequests
    settings.publishBind = configuration.busPublications
    settings.key = configuration.busKey
    // Whatever a client may send or get must fit through, with what is said about it.
    settings.maximumMessageBytes = min(
      max(settings.maximumMessageBytes, configuration.maximumMessageBytes + (1 << 20)),
      Int(Int32.max))
    let bus = try ZeroMQMessageBus.start(
      configuration: settings, nodeID: configuration.nodeID, logger: logger, failed: failed)
    teardown.add("bus") { bus.shutdown() }
    return bus
  }

  private func startManagement(group: any EventLoopGroup, _ teardown: Teardown) async throws {
    guard let address = configuration.management else { return }
    let server = try await bind {
      try await ManagementServer.start(address: address, readiness: readiness, group: group)
    }
    teardown.add("management listener") { await server.stop() }
  }

  private func connectFunction(
    loops: [any EventLoop], _ teardown: Teardown
  ) async throws -> UserFunction {
    var settings = UserFunction.Configuration()
    settings.client.maximumMessageBytes = configuration.maximumMessageBytes
    let function = try await UserFunction(
      place: configuration.function, loops: loops, configuration: settings, logger: logger)
    teardown.add("user function connections") { function.close() }
    return function
  }

  var discoveryPolicy: DiscoveryPolicy {
    var policy = DiscoveryPolicy()
    policy.versionCheck = configuration.versionCheck
    return policy
  }

  private func startEntities(
    _ settings: EntityRuntimeConfiguration, function: UserFunction, store: any ShardStore,
    loops: [any EventLoop], reader: NIOThreadPool, _ teardown: Teardown
  ) async throws -> EntityRuntime {
    let runtime = try await EntityRuntime(
      configuration: settings, store: store, functions: try await function.links(), loops: loops,
      reader: reader, logger: logger)
    let grace = configuration.shutdownGrace
    teardown.add("entities") { await runtime.stop(grace: grace) }
    return runtime
  }

  private func startStreams(
    _ spec: ServiceSpec, store: any ShardStore, bus: any MessageBus, cluster: ClusterReference,
    reader: NIOThreadPool, loop: any EventLoop
  ) -> EventStreamsService {
    let pool = spec.pool
    let streams = EventStreamsService(
      service: configuration.service, store: store, bus: bus,
      topology: ClusterStreamTopology(cluster: cluster, shardCount: configuration.shardCount),
      pool: reader, eventLoop: loop, logger: logger,
      wallClock: ShardStoreConfiguration.systemTime,
      json: { typeURL, value in
        guard let slash = typeURL.lastIndex(of: "/") else { return nil }
        return try? pool.json(
          fromBinary: value, message: String(typeURL[typeURL.index(after: slash)...]),
          printDefaults: true)
      })
    streams.start()
    return streams
  }

  private var commandTimeout: TimeAmount {
    TimeAmount(configuration.entities.commandTimeout)
  }

  private func makeRouter(
    methods: EntityMethods, runtime: EntityRuntime, bus: any MessageBus, cluster: ClusterReference
  ) -> CommandRouter {
    CommandRouter(
      cluster: cluster, entities: runtime, bus: bus, methods: methods,
      service: configuration.service, shardCount: configuration.shardCount,
      commandTimeout: commandTimeout, ownerTimeout: TimeAmount(configuration.ownerTimeout))
  }

  private func startConsumers(
    _ spec: ServiceSpec, caller: EventCallRunner, store: any ShardStore, runtime: EntityRuntime,
    loops: [any EventLoop], reader: NIOThreadPool, _ teardown: Teardown
  ) async throws -> EventConsumers {
    let consumers = EventConsumer.all(of: spec)
    for consumer in consumers { logger.info("handing events to \(consumer.id)") }
    var settings = ConsumerSettings()
    settings.firstRetryDelay = TimeAmount(configuration.eventRetryDelay)
    settings.maximumRetryDelay = TimeAmount(configuration.eventMaximumRetryDelay)
    settings.refusals = configuration.eventFailures
    settings.maximumAttempts = configuration.eventAttempts
    settings.poison = configuration.eventPoison
    let running = try await EventConsumers(
      consumers, service: configuration.service, settings: settings, store: store, pool: reader,
      caller: caller, loops: loops, eventLoop: { runtime.eventLoop(of: $0) }, logger: logger)
    let grace = TimeAmount(configuration.shutdownGrace)
    teardown.add("event consumers") { await running.stop(grace: grace) }
    return running
  }

  private func prepareLocalCalls(
    ingress: Ingress, runtime: EntityRuntime, loops: [any EventLoop], _ teardown: Teardown
  ) {
    guard let access = configuration.access else { return }
    let shardCount = configuration.shardCount
    let calls = LocalCalls(
      ingress: ingress, loops: loops, maximumMessageBytes: configuration.maximumMessageBytes
    ) { runtime.slot(of: $0.shardIndex(shardCount: shardCount)) }
    let grace = TimeAmount(configuration.shutdownGrace)
    teardown.add("calls from inside") { await calls.close(within: grace) }
    access.prepare(calls)
  }

  // MARK: Helpers

  func bind<Server>(_ start: () async throws -> Server) async throws -> Server {
    do {
      return try await start()
    } catch let error as IOError {
      throw NodeError(
        .bind,
        "cannot listen at \(configuration.listen): \(ConnectionFailure.text(of: error)); is another program using the port?"
      )
    }
  }
}
