import CloudstateModel
import ShardStore

/// Lets things go wrong at random moments, each for a while, until it is told to stop; then everything is mended.
final class FaultInjector {
  let cluster: SimCluster
  let world: World
  private let kinds: [FaultKind]
  private var isStopped = false

  init(_ cluster: SimCluster) {
    self.cluster = cluster
    world = cluster.world
    kinds = FaultKind.allCases.flatMap { kind in
      Array(repeating: kind, count: kind.weight(in: cluster.settings))
    }
  }

  func start() {
    guard !kinds.isEmpty else { return }
    world.after(world.random.span(100 * Span.millisecond...1500 * Span.millisecond)) { [self] in
      guard !isStopped else { return }
      if let kind = world.random.pick(kinds) { happen(kind) }
      start()
    }
  }

  /// Ends all faults: everything runs again, undisturbed.
  func stop() {
    isStopped = true
    cluster.isPeaceful = true
    // Before anybody goes on: what one that stood still has to do, it does at once.
    cluster.onOffer = nil
    world.note("faults", "all is mended")
    cluster.network.heal()
    cluster.network.duplicatePPM = 0
    for node in cluster.nodes {
      node.behaviour = SimNode.Disk()
      node.process.resume()
      node.run?.host.function.isGoneUntil = 0
      // A disk that failed leaves shards stopped until the process is started anew.
      if node.hasDiskFailed { node.crash() }
      node.hasDiskFailed = false
      node.start()
    }
    cluster.etcd?.latency = SimEtcd.usualLatency
    cluster.etcd?.regainMajority()
    for coordinator in cluster.coordinators {
      coordinator.sync = SimCoordinator.usualSync
      coordinator.process.resume()
      // One that is about to end would not come back.
      if coordinator.candidate?.isResigning == true { coordinator.crash() }
      coordinator.start()
    }
  }

  /// Something comes back after a while, unless everything was mended before.
  func later(_ span: ClosedRange<UInt64>, _ action: @escaping () -> Void) {
    world.after(world.random.span(span)) { [self] in
      if !isStopped { action() }
    }
  }

  var aliveNodes: [SimNode] { cluster.nodes.filter(\.process.isAlive) }

  func note(_ text: @autoclosure () -> String) { world.note("faults", text()) }

  private func happen(_ kind: FaultKind) {
    switch kind {
    case .crashNode: crash(1)
    case .crashTwo: crash(2)
    case .crashAll: crash(cluster.nodes.count)
    case .pauseNode: pauseNode()
    case .slowDisk, .stallDisk, .diskFault: disturbDisk(kind)
    case .functionGone:
      let gone = world.random.span(200 * Span.millisecond...2 * Span.second)
      world.random.pick(aliveNodes)?.run?.host.function.isGoneUntil = world.now + gone
    case .crashCoordinator: crashCoordinator()
    case .pauseCoordinator: pauseCoordinator()
    case .slowCoordinator: slowCoordinator()
    case .crashOffering: crashWhoOffers()
    case .isolateNode, .isolateByAndBy, .cutFromCoordinator, .cutPair, .cutOneWay, .slowLink,
      .lossyLink:
      disturbNetwork(kind)
    case .resign, .revokeLeader, .breakWatches, .cutFromEtcd, .cutFromNodes, .etcdAway:
      disturbElection(kind)
    case .move, .addCopy, .removeCopy, .drain, .undrain, .join, .leave: change(kind)
    }
  }

  // MARK: Processes

  private func crash(_ count: Int) {
    var candidates = aliveNodes
    for _ in 0..<count {
      guard let node = world.random.pick(candidates) else { return }
      candidates.removeAll { $0 === node }
      node.crash()
      later(50 * Span.millisecond...6 * Span.second) { node.start() }
    }
  }

  private func pauseNode() {
    guard let node = world.random.pick(aliveNodes), !node.process.isPaused else { return }
    let life = node.process.life
    note("\(node.id) stands still")
    node.process.pause()
    later(100 * Span.millisecond...5 * Span.second) { [self] in
      guard node.process.life == life else { return }
      note("\(node.id) goes on")
      node.process.resume()
    }
  }

  private func disturbDisk(_ kind: FaultKind) {
    guard let node = world.random.pick(aliveNodes) else { return }
    switch kind {
    case .slowDisk:
      note("the disk of \(node.id) is slow")
      node.behaviour.sync = 20 * Span.millisecond...300 * Span.millisecond
      node.behaviour.read = Span.millisecond...50 * Span.millisecond
      later(Span.second...4 * Span.second) { node.behaviour = SimNode.Disk() }
    case .stallDisk:
      note("the disk of \(node.id) stalls")
      node.behaviour.stallUntil =
        world.now + world.random.span(200 * Span.millisecond...3 * Span.second)
    default:
      let stage: CommitStage = world.random.chance(ppm: 500_000) ? .write : .sync
      note("the disk of \(node.id) fails its next \(stage)")
      node.run?.store.clock.failNext(stage)
      node.hasDiskFailed = true
      let life = node.process.life
      later(Span.second...5 * Span.second) {
        guard node.process.life == life else { return }
        node.hasDiskFailed = false
        node.crash()
        node.start()
      }
    }
  }
}
