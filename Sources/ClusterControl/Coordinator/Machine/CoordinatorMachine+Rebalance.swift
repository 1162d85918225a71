import CloudstateModel

// Rebalances: beginning their steps within the bounds, and ending them.

extension CoordinatorMachine {
  /// The places of the steps that are under way. Few, see ``RebalancingConfiguration/maximumConcurrentMoves``.
  var runningSteps: [Int] {
    record.rebalance?.steps.indices.filter { record.rebalance?.steps[$0].state == .running } ?? []
  }

  var hasRunningSteps: Bool {
    record.rebalance?.steps.contains { $0.state == .running } == true
  }

  func runningStep(of shard: ShardID) -> RebalanceStep? {
    record.rebalance?.steps.first { $0.shard == shard && $0.state == .running }
  }

  mutating func endStep(
    _ place: Int, _ state: RebalanceStep.State, _ outcome: String, at now: Moment
  ) {
    guard let step = record.rebalance?.steps[place] else { return }
    if step.state == .running { standing[step.shard] = nil }
    record.rebalance?.steps[place].state = state
    record.rebalance?.steps[place].outcome = outcome
    record.rebalance?.steps[place].endedAt = now.wall
  }

  // MARK: Beginning steps

  /// Begins what the bounds allow, in order. Steps of one shard wait for each other, and a step whose
  /// predecessor came to nothing is dropped: it was meant for the state after it.
  mutating func beginSteps(_ draft: inout PlanDraft, at now: Moment) -> [Directive] {
    guard let rebalance = record.rebalance, rebalance.state == .running else { return [] }
    var load = MoveLoad(settings: configuration.rebalancing)
    for step in rebalance.steps where step.state == .running {
      load.add(step, source: step.source ?? draft[step.shard]?.primary)
    }
    var busy: Set<ShardID> = []
    var failed: Set<ShardID> = []
    for place in rebalance.steps.indices {
      guard let step = record.rebalance?.steps[place] else { break }
      let shard = step.shard
      if step.state == .pending, !busy.contains(shard) {
        if failed.contains(shard) {
          endStep(place, .dropped, "an earlier step of the shard came to nothing", at: now)
        } else {
          begin(place, &draft, &load, at: now)
        }
      }
      guard let step = record.rebalance?.steps[place] else { break }
      if !step.hasEnded {
        busy.insert(shard)
      } else if step.state != .done {
        failed.insert(shard)
      }
    }
    return []
  }

  private mutating func begin(
    _ place: Int, _ draft: inout PlanDraft, _ load: inout MoveLoad, at now: Moment
  ) {
    guard let step = record.rebalance?.steps[place] else { return }
    guard let assignment = draft[step.shard] else {
      return endStep(place, .dropped, "the shard is not assigned", at: now)
    }
    // A move that was begun by an earlier rebalance goes on to its end first.
    if draft.move(of: step.shard) != nil { return }
    if hasLostPrimary(assignment) {
      return endStep(place, .dropped, "node \(assignment.primary) has failed", at: now)
    }
    switch step.action {
    case .move(let source, let target):
      if assignment.primary == target { return endStep(place, .done, "", at: now) }
      guard assignment.primary == source else {
        return endStep(
          place, .dropped, "node \(assignment.primary) is the primary now", at: now)
      }
      guard mayReceive(target, place, at: now), isAlive(source), load.hasRoom(source, target)
      else { return }
      start(place, target: target, &draft, at: now)
      beginMove(step, assignment, source: source, target: target, &draft)
      load.add(step, source: source)
    case .add(let node):
      if assignment.inSync.contains(node) || assignment.primary == node {
        return endStep(place, .done, "", at: now)
      }
      guard mayReceive(node, place, at: now), isAlive(assignment.primary),
        load.hasRoom(assignment.primary, node)
      else { return }
      start(place, target: node, &draft, at: now)
      load.add(step, source: assignment.primary)
    case .remove(let node):
      guard isAlive(assignment.primary) else { return }
      remove(node, assignment, place, &draft, at: now)
    }
  }

  /// Whether the node may get a shard now; if it never may, the step ends.
  private mutating func mayReceive(_ node: NodeID, _ place: Int, at now: Moment) -> Bool {
    if isDown(node) {
      endStep(place, .dropped, "node \(node) is down", at: now)
    } else if isDraining(node) {
      endStep(place, .dropped, "node \(node) is to be drained", at: now)
    }
    return isAlive(node) && !isDraining(node)
  }

  /// Marks the step as under way and makes its target a replica, if it is none.
  private mutating func start(
    _ place: Int, target: NodeID, _ draft: inout PlanDraft, at now: Moment
  ) {
    guard let step = record.rebalance?.steps[place] else { return }
    let isNew = draft[step.shard]?.replicas.contains(target) == false
    record.rebalance?.steps[place].state = .running
    record.rebalance?.steps[place].startedAt = now.wall
    record.rebalance?.steps[place].addedTarget = isNew
    // A replica that takes over changes roles with the primary; else the number of copies would change.
    if case .move = step.action { record.rebalance?.steps[place].keepsSource = !isNew }
    if isNew {
      draft.assign(step.shard, "node \(target) gets a copy of") { $0.replicas.append(target) }
    }
  }

  private mutating func beginMove(
    _ step: RebalanceStep, _ assignment: ShardAssignment, source: NodeID, target: NodeID,
    _ draft: inout PlanDraft
  ) {
    fences[step.shard] = nil
    let isInSync = assignment.inSync.contains(target)
    draft.begin(
      ShardMove(
        shard: step.shard, source: source, target: target,
        bytes: isInSync ? 0 : max(step.expectedBytes, knowledge.bytes(of: step.shard)),
        phase: isInSync ? .caughtUp : .copying),
      "\(source) is to hand over to \(target)")
  }

  private mutating func remove(
    _ node: NodeID, _ assignment: ShardAssignment, _ place: Int, _ draft: inout PlanDraft,
    at now: Moment
  ) {
    if assignment.primary == node {
      return endStep(place, .dropped, "node \(node) is the primary now", at: now)
    }
    if assignment.replicas.contains(node) {
      draft.assign(assignment.shard, "node \(node) gives up its copy of") { next in
        next.replicas.removeAll { $0 == node }
        next.inSync.removeAll { $0 == node }
      }
    }
    record.rebalance?.steps[place].startedAt = now.wall
    endStep(place, .done, "", at: now)
  }

  // MARK: The end

  mutating func endRebalanceIfDone(at now: Moment) -> [Directive] {
    guard let rebalance = record.rebalance, rebalance.state == .running,
      rebalance.steps.allSatisfy(\.hasEnded)
    else { return [] }
    record.rebalance?.state = .done
    let line = "rebalance \(rebalance.id) is done: \(rebalance.summary)"
    return [
      .report(
        [line, goOnDraining(after: rebalance, at: now)].compactMap(\.self).joined(separator: "; "))
    ]
  }
}

/// How much is on its way, to keep within the bounds.
struct MoveLoad {
  let settings: RebalancingConfiguration
  private var total = 0
  private var sources: [NodeID: Int] = [:]
  private var targets: [NodeID: Int] = [:]

  init(settings: RebalancingConfiguration) { self.settings = settings }

  func hasRoom(_ source: NodeID, _ target: NodeID) -> Bool {
    total < settings.maximumConcurrentMoves
      && sources[source, default: 0] < settings.maximumMovesPerNode
      && targets[target, default: 0] < settings.maximumMovesPerNode
  }

  mutating func add(_ step: RebalanceStep, source: NodeID?) {
    total += 1
    if let source { sources[source, default: 0] += 1 }
    if let target = step.target { targets[target, default: 0] += 1 }
  }
}

/// The average of what was measured, newer measurements counting more.
struct MeasuredPause: Hashable, Sendable {
  /// What is expected before anything was measured.
  static let initial: Duration = .milliseconds(50)

  private var average: Duration?

  var expected: Duration { average ?? Self.initial }

  mutating func add(_ pause: Duration) {
    average = average.map { ($0 * 3 + pause) / 4 } ?? pause
  }
}

extension Rebalance {
  /// What it did, for people.
  package var summary: String {
    let counts = RebalanceStep.State.allCases.map { state in
      (state, steps.count { $0.state == state })
    }
    var parts = counts.filter { $0.1 > 0 }.map { "\($0.1) \($0.0.words)" }
    let bytes = steps.reduce(UInt64(0)) { $0 &+ $1.bytes }
    if bytes > 0 { parts.append("\(bytes) bytes copied") }
    if let longest = steps.compactMap(\.pause).max() {
      parts.append("longest pause \(longest.wholeMilliseconds) ms")
    }
    return parts.joined(separator: ", ")
  }
}

extension RebalanceStep.State {
  /// The state in words.
  package var words: String { self == .gaveUp ? "given up" : rawValue }
}
