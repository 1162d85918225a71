import CloudstateModel
import ClusterControl
import ShardReplication
import ShardStore

/// All parts of a simulated cluster, and what its clients saw.
final class SimCluster {
  let world: World
  let settings: SimulationSettings
  let network: SimNetwork
  private(set) var nodes: [SimNode] = []
  private(set) var coordinators: [SimCoordinator] = []
  /// What several coordinators share.
  private(set) var etcd: SimEtcd?
  /// How often a coordinator was elected and began.
  var terms = 0
  private(set) lazy var clients = (1...settings.clients).map { SimClient("client-\($0)", in: self) }
  private(set) lazy var tails = shards.flatMap { shard in
    (1...2).map { SimTail(of: shard, number: $0, in: self) }
  }
  private(set) var history: [Operation] = []
  /// Told of nodes that offer a replica as the first that is in-sync.
  var onOffer: ((SimNode) -> Void)?
  /// User functions do nothing wrong any more.
  var isPeaceful = false
  private var nodesByID: [NodeID: SimNode] = [:]
  private var lastOperation: UInt64 = 0

  init(_ settings: SimulationSettings, trace: Trace) {
    self.settings = settings
    world = World(seed: settings.seed, trace: trace)
    network = SimNetwork(world, keepsOrder: settings.keepsOrder)
    network.duplicatePPM = settings.keepsOrder ? 0 : 20_000
  }

  var shards: [ShardID] {
    (0..<settings.shardCount).map { ShardID(service: settings.service, index: $0) }
  }

  func node(_ id: NodeID) -> SimNode? { nodesByID[id] }

  /// A node with an empty disk, which does not run yet.
  @discardableResult
  func addNode() -> SimNode? {
    guard let id = NodeID("node-\(nodes.count + 1)") else { return nil }
    let node = SimNode(id, in: self)
    nodes.append(node)
    nodesByID[id] = node
    return node
  }

  /// Whoever coordinates as far as it knows itself: one that was replaced may not know.
  var leaders: [SimCoordinator] { coordinators.filter { $0.run != nil } }

  func coordinator(at endpoint: String) -> SimCoordinator? {
    coordinators.first { $0.endpoint == endpoint }
  }

  /// Makes the coordinators, which do not run yet.
  private func addCoordinators() {
    switch settings.coordination {
    case .single: coordinators = [SimCoordinator("coordinator", in: self, etcd: nil)]
    case .elected:
      let etcd = SimEtcd(in: self)
      etcd.start()
      self.etcd = etcd
      coordinators = (1...3).map { SimCoordinator("coordinator-\($0)", in: self, etcd: etcd) }
    }
  }

  func start() {
    addCoordinators()
    coordinators.forEach { $0.start() }
    for _ in 0..<settings.nodes { addNode()?.start() }
    clients.forEach { $0.start() }
    tails.forEach { $0.start() }
  }

  /// Lets go of everything, which refers to each other.
  func end() {
    nodes.forEach { $0.end() }
    coordinators.forEach { $0.end() }
    world.end()
  }

  // MARK: History

  func nextOperation() -> UInt64 {
    lastOperation += 1
    return lastOperation
  }

  /// - Returns: the operation's place, for ``complete(_:_:)``.
  func record(_ operation: Operation) -> Int {
    history.append(operation)
    return history.count - 1
  }

  func complete(_ place: Int, _ outcome: Operation.Outcome) {
    history[place].outcome = outcome
    history[place].completedAt = world.now
    if case .ok(let state) = outcome { world.mix(state.hash) }
  }

  // MARK: State

  /// Whether a reader has not seen all that its shard's primary holds.
  var hasWaitingReaders: Bool {
    let plan = plan
    return tails.contains { tail in
      let primary = plan.shards.first { $0.shard == tail.shard }?.primary
      guard let store = primary.flatMap(node)?.run?.store.store,
        let end = try? store.end(of: tail.shard)
      else { return true }
      return tail.checker.position < end.position
    }
  }

  /// What the coordinators have kept.
  var stored: CoordinatorRecord? {
    if let etcd { etcd.contents.state?.record } else { coordinators.first?.stored }
  }

  /// The newest plan that is kept.
  var plan: Plan { stored?.plan ?? .empty }

  /// Why the cluster is not whole; `nil` if it is: every shard is served where the plan says, all replicas are in-sync,
  /// nothing is on its way.
  var want: String? {
    guard leaders.count == 1 else { return "\(leaders.count) coordinators lead" }
    let plan = plan
    guard plan.shards.count == Int(settings.shardCount) else { return "shards are not assigned" }
    if let move = plan.moves.first { return "\(move.shard) is moving" }
    for assignment in plan.shards {
      let shard = assignment.shard
      guard let machine = node(assignment.primary)?.run?.shards.machines[shard],
        machine.epoch == assignment.epoch, machine.phase == .serving
      else {
        let phase = node(assignment.primary)?.run?.shards.machines[shard]?.phase
        return "\(shard) is not served: \(assignment.text), \(phase?.rawValue ?? "no process")"
      }
      guard Set(assignment.inSync) == Set(assignment.replicas) else {
        return "not all replicas of \(shard) are in-sync: \(assignment.text)"
      }
    }
    return nil
  }
}
