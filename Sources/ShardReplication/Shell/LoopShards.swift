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
  let nodeID: NodeID
  let logger: Logger
}

/// The shards of one event loop: feeds their ``ShardMachine``s and carries out what they ask for. Only its loop may
/// touch it.
final class LoopShards {
  let eventLoop: any EventLoop
  let environment: ShardEnvironment
  let outcomes: LoopOutcomes
  var machines: [ShardID: ShardMachine] = [:]
  var dirtyConsumers: Set<ShardID> = []
  var turns: [ShardID: UInt64] = [:]
  var desk = ReportDesk()
  var outbox: AppendOutbox?
  /// Actions still to be carried out; what happens meanwhile adds its own behind them.
  private var actions: Deque<(shard: ShardID, action: ShardAction)> = []
  private var isPerforming = false
  private var ticks: RepeatedTask?
  private(set) var isStopped = false

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

  /// Shards of this node that are served or cannot be, and how many there are.
  var settled: (settled: Int, all: Int) {
    let own = machines.values.filter(\.isPrimary)
    return (own.count { $0.phase != .opening && $0.phase != .joining }, own.count)
  }

  func stop() {
    isStopped = true
    ticks?.cancel()
    ticks = nil
    desk.timer?.cancel()
    desk = ReportDesk()
    outcomes.stopListening()
    outbox = nil
    for shard in machines.keys.sorted() { outcomes.end(shard, because: "the node is stopping") }
  }

  // MARK: Machines

  var now: Uptime { NIODeadline.now().uptimeNanoseconds }

  func step(
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
    noteNews(of: shard)
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
}
