import CloudstateModel
import Testing

@testable import ClusterControl

/// A coordinator's machine, its store and a few nodes that obey it, or do not, driven by chance. After each event
/// the newest stored plan is held against the one before.
struct ClusterSimulation<Random: RandomNumberGenerator> {
  private struct Node {
    var isRunning = true
    var incarnation: UInt64 = 1
    var view: ClusterView?
  }

  private static var names: [String] { ["a", "b", "c", "d", "e"] }

  var random: Random
  private(set) var trace: CoordinatorTrace
  private var now = 0.0
  private var nodes: [String: Node] = [:]
  private var checked: Plan = .empty
  /// Who was reported caught up: shard, epoch, node.
  private var caughtUp: Set<[String]> = []
  private let copies: UInt32
  private let configuration: CoordinatorConfiguration
  private(set) var violations: [String] = []
  /// How often something of interest happened, so that a test can tell whether it tested anything.
  private(set) var counts: [String: Int] = [:]

  init(random: Random) throws {
    self.random = random
    var configuration = CoordinatorConfiguration(
      expectedNodes: [try service(): 3])
    configuration.rebalancing.lostAfter = .seconds(8)
    configuration.rebalancing.requiresApproval = Bool.random(using: &self.random)
    configuration.rebalancing.fenceTimeout = .seconds(4)
    configuration.rebalancing.progressTimeout = .seconds(6)
    self.configuration = configuration
    copies = UInt32.random(in: 1...3, using: &self.random)
    trace = CoordinatorTrace(configuration)
    for name in Self.names { nodes[name] = Node() }
  }

  // MARK: Time of faults

  mutating func stepWithFaults() throws {
    try pass(heardBy: 0.9)
    let name = Self.names.randomElement(using: &random) ?? "a"
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<4: nodes[name]?.isRunning = false
    case 4..<12 where nodes[name]?.isRunning == false: restart(name)
    case 12..<14: try trace.probeEnded(.unreachable, name, at: at(now))
    case 14..<16: trace.machine.linkUsed(to: try node(name), .answered)
    case 16..<20: trace.isDiskHeld = true
    case 20..<40: trace.releaseDisk()
    case 40..<42: try restartCoordinator()
    case 42..<48: try operate(name)
    default: break
    }
    for name in Self.names { try report(name, honesty: 0.8) }
    try check()
  }

  private mutating func restart(_ name: String) {
    nodes[name]?.isRunning = true
    nodes[name]?.incarnation += 1
  }

  private mutating func restartCoordinator() throws {
    count("restarts")
    try check()
    let stored = trace.stored.last
    var next = CoordinatorTrace(configuration, stored: stored, at: at(now))
    next.stored = stored.map { [$0] } ?? []
    trace = next
  }

  private mutating func operate(_ name: String) throws {
    let shard = try shard(UInt32.random(in: 0..<8, using: &random))
    let requests: [OperatorRequest] = [
      .drain(try node(name)), .rebalance, .undrain(try node(name)), .undrain(try node(name)),
      .approve(),
      .approve(trace.machine.record.rebalance?.id), .abort(),
      .acceptLoss(shard, allowsEmpty: Bool.random(using: &random)),
    ]
    guard let request = requests.randomElement(using: &random) else { return }
    _ = trace.operate(request, at: at(now))
  }

  // MARK: Time of peace

  /// Everybody is there and obeys, for so long that everything can be done.
  mutating func comeToRest() throws {
    trace.releaseDisk()
    for name in Self.names {
      if nodes[name]?.isRunning == false { restart(name) }
      _ = trace.operate(.undrain(try node(name)), at: at(now))
    }
    for step in 0..<1200 {
      try pass(heardBy: 1)
      // What faults have left over, and operators have aborted.
      if step % 400 == 200 { _ = trace.operate(.rebalance, at: at(now)) }
      if trace.machine.record.rebalance?.state == .proposed {
        _ = trace.operate(.approve(), at: at(now))
      }
      for name in Self.names { try report(name, honesty: 1) }
      try check()
    }
  }

  /// What is not as it should be when everything has come to rest.
  func unrest() throws -> [String] {
    var complaints: [String] = []
    let plan = trace.machine.durable.plan
    if plan.shards.count != 8 { complaints.append("\(plan.shards.count) shards are assigned") }
    if !plan.moves.isEmpty { complaints.append("moves: \(plan.moves)") }
    if trace.machine.record.rebalance?.isOpen == true { complaints.append("open rebalance") }
    for shard in plan.shards
    where shard.inSync.count != Int(copies) - 1
      || shard.replicas.count != shard.inSync.count
    {
      complaints.append("\(shard)")
    }
    if !trace.machine.plannedSteps().isEmpty { complaints.append("there is something to move") }
    return complaints
  }

  // MARK: Nodes

  private mutating func pass(heardBy probability: Double) throws {
    now += 0.125
    for name in Self.names {
      guard let one = nodes[name], one.isRunning, chance(probability) else { continue }
      let answer = try trace.heartbeat(
        name, incarnation: one.incarnation, plan: one.view?.plan.number ?? 0,
        view: one.view?.version ?? 0, at: at(now))
      if answer.registerAgain {
        let registration = try registration(
          name, incarnation: one.incarnation, endpoint: "inproc://\(name)", shards: 8,
          plan: one.view?.plan.number ?? 0, copies: copies)
        _ = trace.register(registration, at: at(now))
      }
      // Views are brought late, and never backwards.
      if chance(0.7), let view = trace.published.last, view.version > one.view?.version ?? 0 {
        nodes[name]?.view = view
      }
    }
    trace.tick(at: at(now))
  }

  /// What a node says of its shards, by the view it has.
  private mutating func report(_ name: String, honesty: Double) throws {
    guard let one = nodes[name], one.isRunning, let plan = one.view?.plan, chance(0.7) else {
      return
    }
    let me = try node(name)
    var reports: [ShardReport] = []
    for assignment in plan.shards where assignment.primary == me {
      var report = ShardReport(shard: assignment.shard, epoch: assignment.epoch, isServing: true)
      let isFenced = plan.moves.contains { $0.shard == assignment.shard && $0.phase == .fenced }
      report.isFenced = isFenced && chance(0.7 * honesty + 0.3)
      report.fenceFailed = isFenced && !report.isFenced && chance(0.5)
      for replica in assignment.replicas where nodes[replica.text]?.isRunning == true {
        guard chance(honesty) else { continue }
        report.caughtUp.insert(replica)
        caughtUp.insert([assignment.shard.description, assignment.epoch.description, replica.text])
      }
      if !chance(honesty) {
        if chance(0.2) { report.lagging = Set(assignment.inSync.prefix(1)) }
        if chance(0.1) { report.seenEpoch = Epoch(assignment.epoch.number + 2) }
        if chance(0.1) { report.unusable = "a fault" }
        if chance(0.2) { report.epoch = Epoch(assignment.epoch.number - 1) }
      }
      reports.append(report)
    }
    if !chance(honesty) {
      for assignment in plan.shards where assignment.replicas.contains(me) && chance(0.05) {
        reports.append(
          ShardReport(shard: assignment.shard, epoch: assignment.epoch, unusable: "a fault"))
      }
    }
    _ = try trace.report(name, incarnation: one.incarnation, reports, at: at(now))
  }

  private mutating func chance(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &random) < probability
  }

  private mutating func count(_ what: String) { counts[what, default: 0] += 1 }

  // MARK: What must always hold

  private mutating func check() throws {
    for record in trace.stored where record.plan.number > checked.number {
      try check(record)
      checked = record.plan
    }
    if let last = trace.stored.last {
      if last.plan.number < checked.number { violations.append("plans go back") }
      trace.stored = [last]
    }
    for view in trace.published where view.plan.number > checked.number {
      violations.append("plan \(view.plan.number) is published and not stored")
    }
    trace.published = trace.published.suffix(1)
  }

  private mutating func check(_ record: CoordinatorRecord) throws {
    let plan = record.plan
    // Reading checks that no shard is assigned twice and that names fit together.
    let read = try Plan(plan.message)
    if read != plan { violations.append("plan \(plan.number) does not survive its coding") }
    let before = Dictionary(uniqueKeysWithValues: checked.shards.map { ($0.shard, $0) })
    for old in checked.shards where !plan.shards.contains(where: { $0.shard == old.shard }) {
      violations.append("shard \(old.shard) is gone in plan \(plan.number)")
    }
    for shard in plan.shards {
      guard let old = before[shard.shard], old != shard else { continue }
      check(old, shard, plan)
    }
    checkBounds(record)
  }

  private mutating func check(_ old: ShardAssignment, _ new: ShardAssignment, _ plan: Plan) {
    let what = "plan \(plan.number), shard \(new.shard)"
    if new.epoch <= old.epoch { violations.append("\(what): the epoch does not rise") }
    let isAccepted = plan.reason.contains("accepted the loss")
    if new.primary != old.primary {
      count("takeovers")
      if !old.inSync.contains(new.primary), !isAccepted {
        violations.append("\(what): \(new.primary) was not in-sync")
      }
    }
    for node in new.inSync where !old.inSync.contains(node) {
      count("growths")
      let isKnown = caughtUp.contains([new.shard.description, old.epoch.description, node.text])
      let wasFenced = checked.moves.contains {
        $0.shard == new.shard && $0.phase == .fenced && $0.source == node
      }
      if !isKnown, !(wasFenced && node == old.primary) {
        violations.append("\(what): \(node) is in-sync without a word of the primary")
      }
    }
  }

  private mutating func checkBounds(_ record: CoordinatorRecord) {
    let settings = configuration.rebalancing
    let running = record.rebalance?.steps.filter { $0.state == .running } ?? []
    if record.rebalance?.state == .done { count("rebalances") }
    if running.count > settings.maximumConcurrentMoves {
      violations.append("plan \(record.plan.number): \(running.count) at a time")
    }
    for (target, steps) in Dictionary(grouping: running, by: \.target)
    where target != nil && steps.count > settings.maximumMovesPerNode {
      violations.append(
        "plan \(record.plan.number): \(steps.count) shards on their way to one node")
    }
    if Set(record.plan.moves.map(\.shard)).count != record.plan.moves.count {
      violations.append("plan \(record.plan.number): a shard moves twice")
    }
  }
}
