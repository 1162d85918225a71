import CloudstateModel
import ClusterControl
import Logging
import MessageBus
import Synchronization
import Testing

/// Tests look at states, not at logs.
func quietLogger() -> Logger {
  var logger = Logger(label: "test")
  logger.logLevel = .critical
  return logger
}

/// Where a node keeps its last view, in the place of its store. It can be made to fail.
final class SavedDocument: Sendable {
  private struct State {
    var bytes: [UInt8]?
    var isBroken = false
    var saves = 0
  }
  private let state = Mutex(State())

  struct Broken: Error {}

  var bytes: [UInt8]? { state.withLock { $0.bytes } }
  var attempts: Int { state.withLock { $0.saves } }

  func setBroken(_ isBroken: Bool) { state.withLock { $0.isBroken = isBroken } }

  func save(_ bytes: [UInt8]) throws {
    try state.withLock { state in
      state.saves += 1
      if state.isBroken { throw Broken() }
      state.bytes = bytes
    }
  }
}

/// A store that fails when told to.
final class BreakableStore: CoordinatorStore {
  private let content = InMemoryCoordinatorStore()
  private let isBroken = Mutex(false)

  func breakNow() { isBroken.withLock { $0 = true } }

  func load() -> CoordinatorRecord? { content.load() }

  func save(_ record: CoordinatorRecord) throws(ClusterError) {
    if isBroken.withLock({ $0 }) { throw ClusterError(.storeFailed, "the disk is full") }
    content.save(record)
  }

  func planHistory(limit: Int, before: UInt64?) -> [Plan] {
    content.planHistory(limit: limit, before: before)
  }

  func close() {}
}

/// Coordinator and nodes over an in-memory network, with short times.
struct ClusterHarness {
  let network = InMemoryNetwork()
  let store: any CoordinatorStore
  var configuration: CoordinatorConfiguration

  init(expecting count: Int, store: any CoordinatorStore = InMemoryCoordinatorStore()) throws {
    self.store = store
    configuration = CoordinatorConfiguration(
      heartbeatInterval: .milliseconds(100), livenessTimeout: .seconds(2),
      suspectTimeout: .seconds(1), expectedNodes: [try service(): count])
    configuration.publicationTimeout = .milliseconds(300)
  }

  func startCoordinator(
    bus: InMemoryMessageBus? = nil,
    onFailure: @escaping @Sendable (ClusterError) -> Void = { _ in }
  ) async throws -> Coordinator {
    try await Coordinator.start(
      bus: bus ?? network.join(as: .coordinator), store: store, configuration: configuration,
      logger: quietLogger(), onFailure: onFailure)
  }

  func startNode(
    _ name: String, incarnation: UInt64 = 1, shards: UInt32 = 12, copies: UInt32 = 1,
    document: SavedDocument = SavedDocument()
  ) async throws -> ClusterMembership {
    let bus = network.join(as: try node(name))
    let peer = bus.peer(incarnation: incarnation)
    var configuration = MembershipConfiguration(
      info: NodeInfo(
        node: peer.node, service: try service(), requestEndpoint: peer.requestEndpoint,
        publishEndpoint: peer.publishEndpoint, publicAddress: "127.0.0.1:1",
        incarnation: incarnation),
      shardCount: shards, coordinatorEndpoint: "memory://coordinator/requests")
    configuration.replicationFactor = copies
    configuration.requestTimeout = .milliseconds(500)
    configuration.coordinatorTimeout = .seconds(1)
    configuration.initialRetryDelay = .milliseconds(20)
    configuration.maximumRetryDelay = .milliseconds(200)
    return try await ClusterMembership.start(
      bus: bus, configuration: configuration, loadView: { document.bytes },
      saveView: { try document.save($0) }, logger: quietLogger())
  }
}

extension ClusterSnapshot {
  /// The primaries of all shards, in order; `nil` where unassigned.
  var primaries: [NodeID?] { shardMap.assignments.map { $0?.primary } }

  func liveness(of name: String) -> Liveness? {
    members.first { $0.key.text == name }?.value.liveness
  }
}
