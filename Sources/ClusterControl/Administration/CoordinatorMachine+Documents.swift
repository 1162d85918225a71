import CloudstateModel
import FoundationEssentials

// What the machine knows, for operators. Membership and plan are those that are durable.

extension CoordinatorMachine {
  /// Shards that are named in a reason; of the others there is only the number.
  private static let namedShards = 3

  func statusDocument() -> StatusDocument {
    let record = durable
    let shards = shardsDocument().shards
    var grave: [String] = []
    var light: [String] = []
    if record.members.isEmpty {
      grave.append("no node has registered")
    } else if record.members.values.allSatisfy({ $0.liveness == .down }) {
      grave.append(
        "no node is heard: all are down, or this coordinator is cut off from them, and then they go on with plan "
          + "\(record.plan.number)")
    }
    for (service, count) in record.services.sorted(by: { $0.key < $1.key }) {
      let assigned = record.plan.shards.count { $0.shard.service == service }
      let missing = Int(count) - assigned
      if missing > 0 {
        grave.append("\(missing) shards of service \(service) are not assigned yet")
      }
    }
    grave += reason("unavailable", shards) { $0.state == .unavailable }
    let members = record.members.values.sorted { $0.node < $1.node }
    for member in members where member.liveness != .alive {
      light.append("node \(member.node) is \(member.liveness.rawValue)")
    }
    light += reason("short of copies", shards, where: isShortOfCopies)
    light += reason("starting", shards) { $0.state == .starting }
    if let rebalance = record.rebalance, rebalance.state == .proposed {
      light.append(
        "rebalance \(rebalance.id) waits for approval: cs-admin plan approve \(rebalance.id)")
    }
    let alive = members.count { $0.liveness == .alive }
    return StatusDocument(
      state: grave.isEmpty ? light.isEmpty ? .ok : .degraded : .down, reasons: grave + light,
      coordinator: record.coordinatorID, version: record.version, plan: record.plan.number,
      nodes: members.count, aliveNodes: alive, shards: shards.count,
      moves: record.plan.moves.count)
  }

  private func isShortOfCopies(_ shard: ShardDocument) -> Bool {
    // What moves is still to be counted.
    guard shard.state == .underReplicated || shard.state == .moving,
      let service = shard.shard.split(separator: "/").first.flatMap({ ServiceName(String($0)) })
    else { return false }
    return shard.inSync.count + 1 < durable.replicationFactor(of: service)
  }

  private func reason(
    _ what: String, _ shards: [ShardDocument], where isMeant: (ShardDocument) -> Bool
  ) -> [String] {
    let meant = shards.filter(isMeant).map(\.shard)
    guard !meant.isEmpty else { return [] }
    let names = meant.prefix(Self.namedShards).joined(separator: ", ")
    let rest = meant.count - Self.namedShards
    return ["\(what): \(names)\(rest > 0 ? " and \(rest) more" : "")"]
  }

  func nodesDocument(at now: Moment) -> NodesDocument {
    var primaries: [NodeID: Int] = [:]
    var replicas: [NodeID: Int] = [:]
    for assignment in durable.plan.shards {
      primaries[assignment.primary, default: 0] += 1
      for node in assignment.replicas { replicas[node, default: 0] += 1 }
    }
    return NodesDocument(
      nodes: durable.members.values.sorted { $0.node < $1.node }.map { member in
        let presence = presence[member.node]
        let load = presence?.load ?? .none
        return NodeDocument(
          node: member.node.text, service: member.service.text, zone: member.info.zone,
          liveness: member.liveness.rawValue, draining: member.isDraining,
          address: member.publicAddress, primaries: primaries[member.node] ?? 0,
          replicas: replicas[member.node] ?? 0, plan: presence?.planNumber ?? 0,
          commands: load.commands,
          commandsPerSecond: rounded(presence?.traffic.rate ?? 0),
          activeEntities: load.activeEntities, openCalls: load.openCalls,
          silentMilliseconds: presence.map { (now.uptime - $0.lastHeard).wholeMilliseconds } ?? 0)
      })
  }

  func shardsDocument() -> ShardsDocument {
    let moves = Dictionary(
      durable.plan.moves.map { ($0.shard, $0) }, uniquingKeysWith: { first, _ in first })
    return ShardsDocument(
      shards: durable.plan.shards.map { assignment in
        let report = knowledge.primaries[assignment.shard]?.report
        let move = moves[assignment.shard]
        return ShardDocument(
          shard: assignment.shard.description, primary: assignment.primary.text,
          replicas: assignment.replicas.map(\.text), inSync: assignment.inSync.map(\.text),
          epoch: assignment.epoch.number, position: report?.lastPosition.number ?? 0,
          bytes: report?.bytes ?? 0,
          commandsPerSecond: rounded(knowledge.traffic[assignment.shard]?.rate ?? 0),
          state: state(of: assignment, isMoving: move != nil), move: move.map(MoveDocument.init))
      })
  }

  private func state(of assignment: ShardAssignment, isMoving: Bool) -> ShardDocument.State {
    if hasLostPrimary(assignment) { return .unavailable }
    if isMoving { return .moving }
    guard knowledge.primaries[assignment.shard]?.node == assignment.primary,
      knowledge.primaries[assignment.shard]?.report.isServing == true
    else { return .starting }
    let wanted = durable.replicationFactor(of: assignment.shard.service)
    return assignment.inSync.count + 1 < wanted ? .underReplicated : .serving
  }

  func planDocument() -> PlanDocument {
    PlanDocument(
      plan: PlanSummary(durable.plan), moves: durable.plan.moves.map(MoveDocument.init),
      rebalance: durable.rebalance.map(RebalanceDocument.init), settled: isSettled)
  }

  func dryRunDocument() -> DryRunDocument {
    DryRunDocument(steps: plannedSteps().map(StepDocument.init))
  }
}

/// To one digit after the point.
private func rounded(_ rate: Double) -> Double { (rate * 10).rounded() / 10 }

extension MoveDocument {
  fileprivate init(_ move: ShardMove) {
    self.init(
      shard: move.shard.description, source: move.source.text, target: move.target.text,
      bytes: move.bytes, phase: move.phase.rawValue)
  }
}

extension PlanSummary {
  init(_ plan: Plan) {
    self.init(
      number: plan.number, reason: plan.reason, createdAt: plan.createdAt.text,
      shards: plan.shards.count, moves: plan.moves.count)
  }
}

extension RebalanceDocument {
  init(_ rebalance: Rebalance) {
    self.init(
      id: rebalance.id, state: rebalance.state.rawValue, reason: rebalance.reason,
      createdAt: rebalance.createdAt.text, summary: rebalance.summary,
      steps: rebalance.steps.map(StepDocument.init))
  }
}

extension StepDocument {
  init(_ step: RebalanceStep) {
    var seconds: Double?
    if let start = step.startedAt, let end = step.endedAt {
      seconds = Double(end.unixMilliseconds - start.unixMilliseconds) / 1000
    }
    self.init(
      shard: step.shard.description, action: step.actionName, source: step.source?.text,
      target: step.target?.text, state: step.state.rawValue,
      outcome: step.outcome.isEmpty ? nil : step.outcome, expectedBytes: step.expectedBytes,
      expectedPauseMilliseconds: milliseconds(step.expectedPause),
      bytes: step.state == .done ? step.bytes : nil,
      pauseMilliseconds: step.pause.map(milliseconds), seconds: seconds)
  }
}

private func milliseconds(_ duration: Duration) -> Double {
  Double(duration.wholeMicroseconds) / 1000
}

extension Timestamp {
  /// RFC 3339, in UTC, to the millisecond.
  fileprivate var text: String {
    Date(timeIntervalSince1970: Double(unixMilliseconds) / 1000)
      .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }
}
