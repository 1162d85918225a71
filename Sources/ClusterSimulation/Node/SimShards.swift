import CloudstateModel
import DequeModule
import ShardReplication
import ShardStore

/// The shards of a node: feeds their machines and carries out what they ask for, as the product's `LoopShards`.
final class SimShards {
  private unowned let run: NodeRun
  private let process: SimProcess
  private(set) var machines: [ShardID: ShardMachine] = [:]
  /// Counts what hands a shard over, takes it up again, or ends it.
  private var turns: [ShardID: UInt64] = [:]
  private var reported: [ShardID: UInt64] = [:]
  private var commands: [ShardID: UInt64] = [:]
  private var actions: Deque<(shard: ShardID, action: ShardAction)> = []
  private var isPerforming = false
  private var isTicking = false
  /// Up to where this process has confirmed.
  private var confirmed: [ShardID: Position] = [:]
  /// Called when a shard has something to tell the coordinator.
  var hasNews: (ShardID) -> Void = { _ in }

  private var settings: ShardReplicationSettings { run.cluster.settings.replication }

  init(_ run: NodeRun) {
    self.run = run
    process = run.process
  }

  // MARK: What happens

  func follow(_ assignment: ShardAssignment, move: ShardMove?) {
    let shard = assignment.shard
    if let known = machines[shard], known.epoch > assignment.epoch, run.has(.planBackwards) {
      machines[shard] = nil
    }
    let isKnown = machines[shard].map { $0.epoch >= assignment.epoch } ?? false
    if !isKnown { run.cluster.world.monitor.followed(assignment, by: process) }
    if machines[shard] == nil { machines[shard] = placeholder(shard) }
    step(shard) { $0.assigned(assignment, move: move, now: $2, into: &$1) }
  }

  func committed(_ deltas: [SealedDelta], of shard: ShardID) {
    step(shard) { $0.committed(deltas, now: $2, into: &$1) }
  }

  func opened(
    _ shard: ShardID, epoch: Epoch, _ result: Result<ShardEnd, StoreError>, promisedUntil: UInt64
  ) {
    step(shard) {
      $0.opened(result, epoch: epoch, promisedUntil: promisedUntil, now: $2, into: &$1)
    }
  }

  /// This node's copy cannot be used any more.
  func foundDamage(_ shard: ShardID, _ reason: String) {
    step(shard) { machine, actions, _ in machine.foundDamage(reason, into: &actions) }
  }

  func tookCommand(of shard: ShardID) { commands[shard, default: 0] += 1 }

  /// What the coordinator should know.
  func reports() -> [ShardReport] { reports(of: machines.keys) }

  func reports(of shards: some Sequence<ShardID>) -> [ShardReport] {
    shards.sorted().compactMap { shard in
      guard var report = machines[shard]?.report(now: process.now) else { return nil }
      report.bytes = run.store.store.approximateBytes(of: shard)
      if !report.caughtUp.isEmpty, machines[shard]?.assignment?.inSync.isEmpty == true {
        run.cluster.onOffer?(run.node)
      }
      report.commands = commands.removeValue(forKey: shard) ?? 0
      if run.has(.promoteLagging), let assignment = machines[shard]?.assignment {
        report.caughtUp = Set(assignment.replicas).subtracting(assignment.inSync)
      }
      return report
    }
  }

  // MARK: Machines

  private func placeholder(_ shard: ShardID) -> ShardMachine {
    ShardMachine(shard: shard, nodeID: run.nodeID, settings: settings)
  }

  private func step(
    _ shard: ShardID, _ event: (inout ShardMachine, inout [ShardAction], UInt64) -> Void
  ) {
    guard machines[shard] != nil else { return }
    let before = machines[shard]?.phase
    var new: [ShardAction] = []
    event(&machines[shard, default: placeholder(shard)], &new, process.now)
    if let after = machines[shard]?.phase, after != before {
      process.note("shard \(shard.index) is \(after)")
      if after == .fenced, run.has(.dropEarly) { dropEarly(shard) }
    }
    for action in new { actions.append((shard, action)) }
    if !isPerforming {
      isPerforming = true
      while let next = actions.popFirst() { perform(next.action, of: next.shard) }
      isPerforming = false
    }
    if let revision = machines[shard]?.reportRevision, reported[shard] != revision {
      reported[shard] = revision
      hasNews(shard)
    }
    keepTicking()
  }

  private func dropEarly(_ shard: ShardID) {
    guard let epoch = machines[shard]?.epoch else { return }
    run.store.drop(shard, epoch: epoch, atOnce: false)
  }

  private func keepTicking() {
    guard !isTicking, machines.values.contains(where: \.needsTicks) else { return }
    isTicking = true
    scheduleTick()
  }

  private func scheduleTick() {
    let interval = max(10 * Span.millisecond, settings.keepAlive.asNanoseconds / 3)
    process.afterOwn(interval) { [self] in
      var isNeeded = false
      for shard in machines.keys.sorted() where machines[shard]?.needsTicks == true {
        isNeeded = true
        step(shard) { $0.tick(now: $2, into: &$1) }
      }
      isTicking = isNeeded
      if isNeeded { scheduleTick() }
    }
  }

  // MARK: Actions

  private func perform(_ action: ShardAction, of shard: ShardID) {
    switch action {
    case .open(let epoch, let isReplicated):
      process.note("opens \(shard.index) under epoch \(epoch)")
      run.store.open(shard, epoch: epoch, isReplicated: isReplicated, leases: run.leases)
    case .close: run.store.close(shard)
    case .drop(let epoch, let mayBeEmpty):
      run.store.drop(shard, epoch: epoch, atOnce: !mayBeEmpty)
    case .confirm(let position): confirm(shard, upTo: position)
    case .failUnconfirmed(let reason): run.store.failUnconfirmed(shard, because: reason)
    case .serve(let epoch, let leaseEnd):
      process.note("serves \(shard.index) under epoch \(epoch)")
      nextTurn(of: shard)
      run.host.serve(shard, epoch: epoch, leaseEnd: leaseEnd)
    case .extendLease(let leaseEnd): run.host.extendLease(of: shard, to: leaseEnd)
    case .handOver: handOver(shard)
    case .giveUp(let reason):
      process.note("gives up \(shard.index): \(reason)")
      nextTurn(of: shard)
      run.host.giveUp(shard, because: reason)
    case .send(let send):
      run.copies.send(send, of: shard) { [self] answer in
        step(shard) { $0.answered(answer, by: send.node, now: $2, into: &$1) }
      }
    case .read(let node, let after): read(shard, for: node, after: after)
    case .compare(let node, let end): compare(shard, with: node, at: end)
    case .fetch(let node, let after, let afterEpoch, let epoch):
      run.copies.fetch(shard, from: node, after: after, afterEpoch: afterEpoch, epoch: epoch) {
        [self] result in
        step(shard) { $0.fetched(result, from: node, now: $2, into: &$1) }
      }
    case .report(let line): process.note(line)
    }
  }

  private func confirm(_ shard: ShardID, upTo position: Position) {
    let monitor = run.cluster.world.monitor
    let start = max(confirmed[shard] ?? .start, .start)
    if position > start, let epoch = machines[shard]?.epoch, run.store.isHeld(shard) {
      confirmed[shard] = position
      let marks = run.store.allDeltas(of: shard, after: start)
        .prefix { $0.position <= position }.map(BatchMark.init)
      process.note("confirms \(shard.index) up to \(position) under epoch \(epoch)")
      monitor.add(
        monitor.confirmations.confirmed(marks, of: shard, under: epoch, by: run.nodeID))
    }
    run.store.confirm(shard, upTo: position)
  }

  private func handOver(_ shard: ShardID) {
    if run.has(.skipFence) {
      process.after(Span.microsecond) { [self] in
        step(shard) { $0.handedOver(now: $2, into: &$1) }
      }
      return
    }
    let turn = nextTurn(of: shard)
    run.host.handOver(shard) { [self] in
      step(shard) { machine, actions, now in
        guard turns[shard] == turn else { return }
        machine.handedOver(now: now, into: &actions)
      }
    }
  }

  /// Whoever serves, hands over or gives up a shard ends what was begun before.
  @discardableResult
  private func nextTurn(of shard: ShardID) -> UInt64 {
    turns[shard, default: 0] += 1
    return turns[shard] ?? 0
  }

  private func read(_ shard: ShardID, for node: NodeID, after: Position) {
    process.after(run.node.readLatency()) { [self] in
      let result = Result { () throws(StoreError) in
        try run.store.store.deltas(of: shard, after: after, byteLimit: settings.pageBytes).map {
          SealedDelta(position: $0.position, epoch: $0.epoch, bytes: $0.sealed(in: shard))
        }
      }
      step(shard) { $0.read(result, for: node, now: $2, into: &$1) }
    }
  }

  private func compare(_ shard: ShardID, with node: NodeID, at end: ShardEnd) {
    process.after(run.node.readLatency()) { [self] in
      let result = Result { () throws(StoreError) in
        try run.store.store.epoch(of: shard, at: end.position)
      }
      step(shard) { $0.compared(result, at: end, of: node, now: $2, into: &$1) }
    }
  }
}
