import CloudstateModel
import DequeModule
import Logging
import NIOCore
import NIOPosix
import ShardStore

/// What the shards of all event loops of a node share.
struct ShardEnvironment: Sendable {
  let service: ServiceName
  let settings: ShardReplicationSettings
  let store: ConfirmingStore
  let reader: NIOThreadPool
  let fetcher: CopyFetcher
  let leases: LeaseBook
  let budget: ReadBudget
  let hosting: any ShardHosting
  let consumers: any ConsumerHosting
  /// Something that the coordinator waits for has changed.
  let changed: @Sendable () -> Void
  let nodeID: NodeID
  let logger: Logger
}

/// The shards of one event loop: feeds their ``ShardMachine``s and carries out what they ask for. Only its loop may
/// touch it.
final class LoopShards {
  /// How old the sizes of shards and the ends of copies may be that are reported.
  private static let sizeInterval: UInt64 = 5_000_000_000

  private let eventLoop: any EventLoop
  private let environment: ShardEnvironment
  private let outcomes: LoopOutcomes
  private var machines: [ShardID: ShardMachine] = [:]
  private var reported: [ShardID: UInt64] = [:]
  private var dirtyConsumers: Set<ShardID> = []
  private var turns: [ShardID: UInt64] = [:]
  private var sizes: [ShardID: UInt64] = [:]
  private var ends: [ShardID: ShardEnd] = [:]
  private var sizedAt: Uptime = 0
  private var outbox: AppendOutbox?
  /// Actions still to be carried out; what happens meanwhile adds its own behind them.
  private var actions: Deque<(shard: ShardID, action: ShardAction)> = []
  private var isPerforming = false
  private var ticks: RepeatedTask?
  private var isStopped = false

  init(
    eventLoop: any EventLoop, outcomes: LoopOutcomes, environment: ShardEnvironment,
    outbox makeOutbox: (@escaping AppendOutbox.Completion) -> AppendOutbox
  ) {
    self.eventLoop = eventLoop
    self.outcomes = outcomes
    self.environment = environment
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    outbox = makeOutbox { shard, node, answer in
      own.value.step(shard) { $0.answered(answer, by: node, now: $2, into: &$1) }
    }
    outcomes.listen(
      committed: { shard, deltas in
        own.value.step(shard) { $0.committed(deltas, now: $2, into: &$1) }
      }, stopped: { shard, reason in own.value.foundDamage(shard, reason) })
  }

  // MARK: What happens

  func follow(_ assignment: ShardAssignment, move: ShardMove?) {
    guard !isStopped else { return }
    let shard = assignment.shard
    if machines[shard] == nil {
      machines[shard] = ShardMachine(
        shard: shard, nodeID: environment.nodeID, settings: environment.settings)
    }
    step(shard) { $0.assigned(assignment, move: move, now: $2, into: &$1) }
  }

  /// A record of this node's copy could not be read.
  func foundDamage(_ shard: ShardID, _ reason: String) {
    step(shard) { machine, actions, _ in machine.foundDamage(reason, into: &actions) }
  }

  /// Scrubbing has found damage in this node's copy. `stop` ends the use of a copy that is not the primary's, which is
  /// made anew then.
  func scrubbed(_ shard: ShardID, _ reason: String, stop: () -> Void) {
    guard !isStopped, let phase = machines[shard]?.phase else { return }
    if phase == .copy { stop() } else { foundDamage(shard, reason) }
  }

  /// The shards that this node has copies of.
  var held: [ShardID] {
    machines.filter { _, machine in
      switch machine.phase {
      case .copy, .joining, .serving, .fencing, .fenced, .stalled, .deposed: true
      case .idle, .opening, .failed: false
      }
    }.map(\.key)
  }

  func consumerMoved(_ shard: ShardID) {
    guard let machine = machines[shard], machine.isPrimary else { return }
    // While a move waits for the last positions each counts at once, else they go with the next tick.
    if machine.phase == .fencing {
      machines[shard]?.consumersMoved()
    } else {
      dirtyConsumers.insert(shard)
    }
  }

  /// What the coordinator should know. Sizes, and the ends of copies, are those of some seconds ago.
  func reports() -> [ShardReport] {
    let now = now
    let reports = machines.keys.sorted().compactMap { shard -> ShardReport? in
      guard let machine = machines[shard] else { return nil }
      let copy = ends[shard].flatMap { machine.report(ofCopyEndingAt: $0) }
      guard var report = machine.report(now: now) ?? copy else { return nil }
      report.bytes = sizes[shard] ?? 0
      return report
    }
    if now.since(sizedAt) >= Self.sizeInterval {
      sizedAt = now
      measure(machines.values.filter { $0.phase != .idle }.map(\.shard))
    }
    return reports
  }

  /// Asks for the sizes of shards and the ends of copies where that may block.
  private func measure(_ shards: [ShardID]) {
    let store = environment.store.inner
    let (own, eventLoop) = (NIOLoopBound(self, eventLoop: eventLoop), eventLoop)
    environment.reader.submit { state in
      guard state == .active else { return }
      let sizes = Dictionary(
        uniqueKeysWithValues: shards.map { ($0, store.approximateBytes(of: $0)) })
      // What cannot be read is no copy that could take over.
      let ends = Dictionary(
        uniqueKeysWithValues: shards.compactMap { shard in
          (try? store.end(of: shard)).map { (shard, $0) }
        })
      eventLoop.execute {
        own.value.sizes = sizes
        own.value.ends = ends
      }
    }
  }

  /// Shards of this node that are served or cannot be, and how many there are.
  var settled: (settled: Int, all: Int) {
    let own = machines.values.filter(\.isPrimary)
    return (own.count { $0.phase != .opening && $0.phase != .joining }, own.count)
  }

  func stop() {
    isStopped = true
    ticks?.cancel()
    ticks = nil
    outcomes.stopListening()
    outbox = nil
    for shard in machines.keys.sorted() { outcomes.end(shard, because: "the node is stopping") }
  }

  // MARK: Machines

  private var now: Uptime { NIODeadline.now().uptimeNanoseconds }

  private func step(
    _ shard: ShardID, _ event: (inout ShardMachine, inout [ShardAction], Uptime) -> Void
  ) {
    guard !isStopped, machines[shard] != nil else { return }
    var new: [ShardAction] = []
    event(&machines[shard, default: placeholder(shard)], &new, now)
    for action in new { actions.append((shard, action)) }
    if !isPerforming {
      isPerforming = true
      while let next = actions.popFirst() { perform(next.action, of: next.shard) }
      isPerforming = false
    }
    if let revision = machines[shard]?.reportRevision, reported[shard] != revision {
      reported[shard] = revision
      environment.changed()
    }
    keepTicking()
  }

  private func placeholder(_ shard: ShardID) -> ShardMachine {
    ShardMachine(shard: shard, nodeID: environment.nodeID, settings: environment.settings)
  }

  private func keepTicking() {
    guard ticks == nil, !isStopped, machines.values.contains(where: \.needsTicks) else { return }
    let interval = TimeAmount.nanoseconds(
      Int64(clamping: max(10_000_000, environment.settings.keepAlive.asNanoseconds / 3)))
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    ticks = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
      own.value.tick()
    }
  }

  private func tick() {
    for shard in dirtyConsumers { machines[shard]?.consumersMoved() }
    dirtyConsumers = []
    var isNeeded = false
    for shard in machines.keys.sorted() where machines[shard]?.needsTicks == true {
      isNeeded = true
      step(shard) { $0.tick(now: $2, into: &$1) }
    }
    if !isNeeded {
      ticks?.cancel()
      ticks = nil
    }
  }

  // MARK: Actions

  private func perform(_ action: ShardAction, of shard: ShardID) {
    let (store, hosting) = (environment.store, environment.hosting)
    switch action {
    case .open(let epoch, let isReplicated): open(shard, epoch: epoch, isReplicated: isReplicated)
    case .close:
      outcomes.forget(shard)
      store.hide(shard)
      store.inner.closeShard(shard) {}
    case .drop(let epoch): drop(shard, epoch: epoch)
    case .confirm(let position):
      if outcomes.isHeld(shard) { store.show(shard, upTo: position) }
      outcomes.release(shard, upTo: position)
    case .failUnconfirmed(let reason): outcomes.end(shard, because: reason)
    case .serve(let epoch, let leaseEnd):
      nextTurn(of: shard)
      hosting.serve(shard, epoch: epoch, leaseEnd: leaseEnd)
      environment.consumers.start(shard)
    case .extendLease(let leaseEnd): hosting.extendLease(of: shard, to: leaseEnd)
    case .handOver: handOver(shard)
    case .giveUp(let reason):
      nextTurn(of: shard)
      hosting.giveUp(shard, because: reason)
      environment.consumers.giveUp(shard)
    case .send(let send): self.send(send, of: shard)
    case .read(let node, let after): read(shard, for: node, after: after)
    case .compare(let node, let end): compare(shard, with: node, at: end)
    case .fetch(let node, let after, let afterEpoch, let epoch):
      fetch(shard, from: node, after: after, afterEpoch: afterEpoch, epoch: epoch)
    case .report(let line): environment.logger.warning("\(line)")
    }
  }

  private func open(_ shard: ShardID, epoch: Epoch, isReplicated: Bool) {
    if isReplicated {
      outcomes.hold(shard)
      environment.store.cover(shard)
    } else if !outcomes.isHeld(shard) {
      environment.store.uncover(shard)
    }
    let leases = environment.leases
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    let eventLoop = eventLoop
    environment.store.inner.openShard(shard, epoch: epoch) { result in
      // Nothing of a lower epoch is answered from here on, so that no later promise counts.
      let promised = isReplicated ? leases.end(of: shard) : 0
      eventLoop.execute {
        own.value.step(shard) {
          $0.opened(result, epoch: epoch, promisedUntil: promised, now: $2, into: &$1)
        }
      }
    }
  }

  private func drop(_ shard: ShardID, epoch: Epoch) {
    let (store, logger) = (environment.store.inner, environment.logger)
    environment.store.hide(shard)
    let drop: @Sendable () -> Void = {
      store.dropShard(shard, epoch: epoch) { result in
        switch result {
        case .success: logger.info("this node's copy of shard \(shard) is removed, as planned")
        case .failure(let error) where error.code == .staleEpoch: break
        case .failure(let error):
          logger.error("this node's copy of shard \(shard) cannot be removed: \(error)")
        }
      }
    }
    // A damaged copy goes before the new primary's first append is taken.
    if machines[shard]?.phase == .copy { return drop() }
    environment.reader.submit { state in
      guard state == .active else { return }
      // Where there is nothing the disk is left in peace; what cannot be read is removed all the same.
      if let end = try? store.end(of: shard), end.position == .start { return }
      drop()
    }
  }

  private func handOver(_ shard: ShardID) {
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    let hosting = environment.hosting
    // What is known now goes with the last append.
    if dirtyConsumers.remove(shard) != nil { machines[shard]?.consumersMoved() }
    let turn = nextTurn(of: shard)
    environment.consumers.stop(shard) {
      // Consumers may take longer than the fence, and then the shard is served again.
      guard own.value.turns[shard] == turn else { return }
      hosting.handOver(shard) {
        own.value.step(shard) { machine, actions, now in
          guard own.value.turns[shard] == turn else { return }
          machine.handedOver(now: now, into: &actions)
        }
      }
    }
  }

  /// Whoever serves, hands over or gives up a shard ends what was begun before.
  @discardableResult
  private func nextTurn(of shard: ShardID) -> UInt64 {
    turns[shard, default: 0] += 1
    return turns[shard] ?? 0
  }

  private func send(_ send: CopySend, of shard: ShardID) {
    var consumers: [ConsumerID: ConsumerPosition] = [:]
    if send.includesConsumers {
      // A handful of records; without them the copy keeps older positions, which only repeat events.
      consumers = (try? environment.store.inner.consumerPositions(of: shard)) ?? [:]
    }
    outbox?.add(send, of: shard, consumers: consumers)
  }

  private func read(_ shard: ShardID, for node: NodeID, after: Position) {
    let (store, reader) = (environment.store.inner, environment.reader)
    let limit = environment.settings.pageBytes
    let (own, eventLoop) = (NIOLoopBound(self, eventLoop: eventLoop), eventLoop)
    let wait = environment.budget.take(limit, now: now)
    eventLoop.scheduleTask(in: .nanoseconds(Int64(clamping: wait))) {
      reader.submit { state in
        let result = Result { () throws(StoreError) in
          guard state == .active else { throw StoreError(.closed, "the node is stopping") }
          return try store.deltas(of: shard, after: after, byteLimit: limit).map {
            SealedDelta(position: $0.position, epoch: $0.epoch, bytes: $0.sealed(in: shard))
          }
        }
        eventLoop.execute {
          own.value.step(shard) { $0.read(result, for: node, now: $2, into: &$1) }
        }
      }
    }
  }

  private func compare(_ shard: ShardID, with node: NodeID, at end: ShardEnd) {
    let store = environment.store.inner
    let (own, eventLoop) = (NIOLoopBound(self, eventLoop: eventLoop), eventLoop)
    environment.reader.submit { state in
      let result = Result { () throws(StoreError) in
        guard state == .active else { throw StoreError(.closed, "the node is stopping") }
        return try store.epoch(of: shard, at: end.position)
      }
      eventLoop.execute {
        own.value.step(shard) { $0.compared(result, at: end, of: node, now: $2, into: &$1) }
      }
    }
  }

  private func fetch(
    _ shard: ShardID, from node: NodeID, after: Position, afterEpoch: Epoch, epoch: Epoch
  ) {
    let own = NIOLoopBound(self, eventLoop: eventLoop)
    environment.fetcher.fetch(
      shard, from: node, after: after, afterEpoch: afterEpoch, epoch: epoch, on: eventLoop
    ) { result in
      own.value.step(shard) { $0.fetched(result, from: node, now: $2, into: &$1) }
    }
  }
}
