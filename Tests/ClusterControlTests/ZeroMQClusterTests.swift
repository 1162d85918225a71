import CloudstateModel
import ClusterControl
import MessageBus
import TestSupport
import Testing

@Suite struct ZeroMQClusterTests {
  @Test func aClusterOverRealSocketsAndARealStoreOutlivesItsCoordinator() async throws {
    let folder = try TemporaryDirectory()
    var settings = ZeroMQBusConfiguration()
    settings.requestBind = "ipc://\(folder.path)/coordinator"
    var (bus, coordinator) = try await startCoordinator(settings, folder: folder)
    var nodes: [(bus: ZeroMQMessageBus, membership: ClusterMembership)] = []
    for name in ["a", "b", "c"] {
      nodes.append(try await startNode(name, coordinator: settings.requestBind))
    }
    try await eventually("all nodes have the plan") {
      nodes.allSatisfy {
        $0.membership.snapshot.isFullyAssigned && $0.membership.snapshot.members.count == 3
      }
    }
    let primaries = nodes[0].membership.snapshot.primaries
    #expect(nodes.allSatisfy { $0.membership.snapshot.primaries == primaries })
    let before = try await coordinator.record

    try await coordinator.stop()
    bus.shutdown()
    try await eventually("the nodes notice") {
      nodes.allSatisfy { !$0.membership.snapshot.coordinatorReachable }
    }
    (bus, coordinator) = try await startCoordinator(settings, folder: folder)
    try await eventually("the nodes are back") {
      nodes.allSatisfy { $0.membership.snapshot.coordinatorReachable }
    }
    let after = try await coordinator.record
    #expect(after.plan == before.plan && after.coordinatorID == before.coordinatorID)
    #expect(after.version >= before.version)
    for node in nodes {
      try await node.membership.stop()
      node.bus.shutdown()
    }
    try await coordinator.stop()
    bus.shutdown()
  }

  private func startCoordinator(
    _ settings: ZeroMQBusConfiguration, folder: TemporaryDirectory
  ) async throws -> (ZeroMQMessageBus, Coordinator) {
    let bus = try ZeroMQMessageBus.start(
      configuration: settings, nodeID: .coordinator, logger: quietLogger())
    let configuration = CoordinatorConfiguration(
      heartbeatInterval: .milliseconds(100), livenessTimeout: .seconds(5),
      expectedNodes: [try service(): 3])
    let coordinator = try await Coordinator.start(
      bus: bus, store: RocksDBCoordinatorStore(path: folder.path + "/data"),
      configuration: configuration, logger: quietLogger(), onFailure: { _ in })
    return (bus, coordinator)
  }

  private func startNode(
    _ name: String, coordinator: String
  ) async throws -> (ZeroMQMessageBus, ClusterMembership) {
    let bus = try ZeroMQMessageBus.start(
      configuration: ZeroMQBusConfiguration(), nodeID: try node(name), logger: quietLogger())
    var configuration = MembershipConfiguration(
      info: NodeInfo(
        node: bus.nodeID, service: try service(), requestEndpoint: bus.requestEndpoint,
        publishEndpoint: bus.publishEndpoint, publicAddress: "127.0.0.1:1", incarnation: 1),
      shardCount: 30, coordinatorEndpoint: coordinator)
    configuration.requestTimeout = .milliseconds(500)
    configuration.coordinatorTimeout = .seconds(1)
    let document = SavedDocument()
    let membership = try await ClusterMembership.start(
      bus: bus, configuration: configuration, loadView: { document.bytes },
      saveView: { try document.save($0) }, logger: quietLogger())
    return (bus, membership)
  }
}
