import CloudstateModel
import ShardStore

/// The course of a simulation: faults, then peace, then the account.
struct Course {
  private let cluster: SimCluster
  private let world: World
  private let faults: FaultInjector

  init(_ cluster: SimCluster) {
    self.cluster = cluster
    world = cluster.world
    faults = FaultInjector(cluster)
  }

  private var isBroken: Bool { !world.monitor.violations.isEmpty }

  func run() {
    cluster.start()
    faults.keepCopies()
    pass(2 * Span.second)
    faults.start()
    pass(cluster.settings.faultTime)
    guard !isBroken else { return }
    faults.stop()
    waitUntilWhole()
    guard !isBroken else { return }
    finish()
    guard !isBroken else { return }
    check()
  }

  /// Lets time pass, unless something breaks.
  private func pass(_ span: UInt64) {
    world.run(until: world.now + span) { isBroken }
  }

  private func waitUntilWhole() {
    let end = world.now + cluster.settings.healTime
    // Whole for a while: what is decided after the faults may still be on its way.
    var wholeSince: UInt64?
    while world.now < end, !isBroken {
      pass(100 * Span.millisecond)
      if cluster.want != nil {
        wholeSince = nil
      } else {
        wholeSince = wholeSince ?? world.now
        if let wholeSince, world.now - wholeSince >= 3 * Span.second { return }
      }
    }
    if !isBroken {
      world.monitor.add(
        Violation(
          .converges,
          "\(cluster.settings.healTime / Span.second) s after the last fault: \(cluster.want ?? "")"
        ))
    }
  }

  /// Lets clients end, and adds to and reads every entity once more.
  private func finish() {
    cluster.clients.forEach { $0.stop() }
    pass(cluster.settings.clientTimeout + 3 * Span.second)
    var last = 0
    for entity in 0..<cluster.settings.entities {
      for kind in [Operation.Kind.append, .read] {
        let client = SimClient("last", in: cluster)
        let place = cluster.history.count
        client.begin(kind, on: entity, isKeyed: true, attempts: 20) { last += 1 }
        world.run(until: world.now + 20 * Span.second) { !client.isWaiting || isBroken }
        guard place < cluster.history.count, case .ok = cluster.history[place].outcome else {
          world.monitor.add(
            Violation(
              .converges, "a whole cluster does not answer \(kind) of entity-\(entity)"))
          return
        }
      }
    }
    waitForReaders()
  }

  /// Readers see everything before long.
  private func waitForReaders() {
    let end = world.now + 30 * Span.second
    repeat { pass(Span.second) } while world.now < end && !isBroken && cluster.hasWaitingReaders
  }

  // MARK: The account

  private func check() {
    let monitor = world.monitor
    var marks: [ShardID: [BatchMark]] = [:]
    var lists: [EntityKey: [UInt64]] = [:]
    let keys = (0..<cluster.settings.entities).map(ListEntity.key)
    for assignment in cluster.plan.shards {
      let shard = assignment.shard
      guard let primary = cluster.node(assignment.primary)?.run else { continue }
      let deltas = primary.store.allDeltas(of: shard)
      marks[shard] = deltas.map(BatchMark.init)
      for replica in assignment.inSync {
        guard let copy = cluster.node(replica)?.run else { continue }
        monitor.add(
          CopyChecker.violation(
            of: shard, primary: (primary.nodeID, deltas),
            copy: (replica, copy.store.allDeltas(of: shard))))
      }
      monitor.add(monitor.confirmations.violation(of: shard, against: marks[shard] ?? []))
      for key in keys where key.shardIndex(shardCount: cluster.settings.shardCount) == shard.index {
        lists[key] = ListEntity.list(of: key, in: deltas)
      }
    }
    let histories = Dictionary(grouping: cluster.history, by: \.entity)
    for key in keys {
      let checker = EntityChecker(entity: key.entityID, list: lists[key] ?? [])
      for violation in checker.violations(of: histories[key.entityID] ?? []) {
        monitor.add(violation)
      }
    }
    for tail in cluster.tails {
      let stream = marks[tail.shard] ?? []
      monitor.add(tail.checker.violation(against: stream))
      if tail.checker.seen.count < stream.count {
        monitor.add(
          Violation(
            .converges,
            "\(tail.checker.name) has seen \(tail.checker.seen.count) of \(stream.count) batches"))
      }
    }
  }
}
