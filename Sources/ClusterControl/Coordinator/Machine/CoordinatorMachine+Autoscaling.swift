package import CloudstateModel

// The autoscalers: what they are told of the cluster, and what follows from their decisions.

extension CoordinatorMachine {
  /// More shards than these are not placed on trial to find out what a new node would cost: an equal share is close.
  private static let placedShards = 4096

  /// The autoscalers of the configured services, where the store says they were.
  static func autoscalers(
    _ configuration: AutoscalingConfiguration?, _ record: CoordinatorRecord
  ) -> [ServiceName: ServiceScaling] {
    guard let configuration else { return [:] }
    let pairs = configuration.services.map { service in
      (
        service,
        ServiceScaling(
          Autoscaler(
            service: service, settings: configuration.settings,
            state: record.autoscalers[service]?.state ?? .stable))
      )
    }
    return Dictionary(pairs) { first, _ in first }
  }

  /// With which a recording of the service's autoscaler begins.
  func scalingStart(of service: ServiceName) -> AutoscalerRecord? {
    scaling[service]?.recorded.start
  }

  /// What an earlier process decided, for people to look back at.
  mutating func remember(_ decisions: [ScaleDecision], of service: ServiceName) {
    scaling[service]?.remember(decisions)
  }

  /// Takes a node's measurement to its service's autoscaler.
  mutating func take(_ sample: NodeSample, of service: ServiceName, at now: Moment) -> [Directive] {
    guard let record = scaling[service]?.recorded.receive(sample, at: now) else { return [] }
    return [.recordScaling(service, [record])]
  }

  /// Lets a service's autoscaler decide; due every ``AutoscalerSettings/tickPeriod``.
  ///
  /// - Parameter deployment: what the scaler last reported.
  package mutating func autoscale(
    _ service: ServiceName, deployment: DeploymentScale?, at now: Moment
  ) -> [Directive] {
    clock = now
    guard let observation = observe(service, deployment: deployment, at: now),
      let (decision, records) = scaling[service]?.recorded.tick(observation, at: now)
    else { return [] }
    scaling[service]?.latest = decision
    var directives: [Directive] = [.recordScaling(service, records)]
    var next = record.autoscalers[service] ?? ScalingRecord()
    next.state = decision.after
    let drainsItself = configuration.autoscaling?.drainsItself ?? true
    let wanted = ScaleRequest(service: service, scale: decision.wanted)
    var request: ScaleRequest?
    switch decision.action {
    case .stay: break
    case .scaleUp:
      directives += recall(next.leaving?.nodes ?? [], at: now)
      next.leaving = nil
      scaling[service]?.askedForMore = now.uptime
      request = wanted
      // Those that were to go are kept, all of them: to ask for fewer would stop some that are not drained any more.
      request?.scale = max(decision.wanted, deployment?.scale ?? 0)
    case .scaleDown where drainsItself: request = wanted
    case .scaleDown:
      let nodes = leavers(observation, count: decision.members - decision.wanted)
      next.leaving = ScalingRecord.Leaving(
        nodes: (next.leaving?.nodes ?? []) + nodes, scale: decision.wanted)
      scaling[service]?.askedForLess = nil
      directives += drain(nodes, at: now)
    case .requestAgain where !drainsItself && decision.wanted < deployment?.scale ?? 0:
      // Nobody is drained for the nodes that somebody else asked for meanwhile; those that are have their own repetition.
      break
    case .requestAgain: request = wanted
    }
    if request == nil { request = advance(&next.leaving, of: service, deployment, at: now) }
    if decision.action != .stay {
      scaling[service]?.keep(decision)
      directives.append(.decided(decision))
    }
    if record.autoscalers[service] != next, next != ScalingRecord() || hasRecord(service) {
      record.autoscalers[service] = next
      record.version += 1
    }
    if let request { ask(request) }
    return directives + takeSteps(at: now) + writeIfNeeded() + dueScaleRequests()
  }

  private func hasRecord(_ service: ServiceName) -> Bool { record.autoscalers[service] != nil }

  /// Requests wait until the decision is durable: a coordinator that is started again must know what it asked for.
  private mutating func ask(_ request: ScaleRequest) {
    waitingScaleRequests.removeAll { $0.request.service == request.service }
    waitingScaleRequests.append((version: record.version, request: request))
  }

  mutating func dueScaleRequests() -> [Directive] {
    let due = waitingScaleRequests.filter { $0.version <= durable.version }
    waitingScaleRequests.removeAll { $0.version <= durable.version }
    return due.map { .scale($0.request) }
  }

  // MARK: What an autoscaler is told

  private mutating func observe(
    _ service: ServiceName, deployment: DeploymentScale?, at now: Moment
  ) -> ScaleObservation? {
    guard scaling[service] != nil, let configuration = configuration.autoscaling else { return nil }
    // Nodes that are drained are on their way out, whoever drains them.
    let members = assignable(service).filter { !isDraining($0) }
    let steps = record.rebalance?.isOpen == true ? record.rebalance?.steps ?? [] : []
    // Who takes over from a node that leaves carries all it had, and more. Nobody gets anything by a proposal, and that
    // may wait for long.
    let open = steps.filter { step in
      record.rebalance?.state == .running && !step.hasEnded
        && !(step.source.map { self.isDraining($0) } ?? false)
    }
    let targets = Set(open.compactMap(\.target))
    // A drain that is tried again after a pause may never come to its end.
    let isOneDue = rebalanceTrigger.map { $0.retried == nil } ?? false
    let isRebalancing =
      !steps.isEmpty || isOneDue || !record.plan.moves.isEmpty || hasRunningSteps
    var deployment = deployment
    if let leaving = record.autoscalers[service]?.leaving, let scale = deployment?.scale {
      // What the scaler will be asked for counts as asked for.
      deployment?.scale = min(scale, leaving.scale)
    }
    let hasShards = record.plan.shards.contains { $0.shard.service == service }
    return ScaleObservation(
      members: members.map { node in
        let age = memberSince[node].map { now.uptime - $0 }
        return ScaleMember(
          node: node, incarnation: record.members[node]?.incarnation ?? 0,
          isWarmingUp: age.map { $0 < configuration.warmUp } ?? false,
          isReceivingShards: !hasShards || targets.contains(node)
            || (isRebalancing && !ownsShards(node)))
      },
      deployment: deployment, isRebalancing: isRebalancing,
      moving: movingEstimate(of: service, members: members.count, at: now),
      copies: record.replicationFactor(of: service))
  }

  private mutating func movingEstimate(
    of service: ServiceName, members: Int, at now: Moment
  ) -> MovingEstimate {
    var bytes: UInt64 = 0
    if let cost = scaling[service]?.cost, now.uptime - cost.at < ServiceScaling.costAge {
      bytes = cost.bytes
    } else {
      bytes = bytesForOneMore(service, members: members)
      scaling[service]?.cost = (bytes, now.uptime)
    }
    let startTime = scaling[service]?.startTime ?? .zero
    return MovingEstimate(
      bytesForOneMore: bytes, bytesPerSecond: record.rebalance?.measuredSpeed,
      warmUp: startTime + (configuration.autoscaling?.warmUp ?? .zero))
  }

  private func bytesForOneMore(_ service: ServiceName, members: Int) -> UInt64 {
    let problem = placementProblem(of: service)
    if problem.assignments.count <= Self.placedShards { return Planner.bytesToJoin(problem) }
    let all = problem.assignments.reduce(UInt64(0)) {
      $0 &+ knowledge.bytes(of: $1.shard) &* UInt64($1.replicas.count + 1)
    }
    return all / UInt64(members + 1)
  }

  // MARK: Nodes on their way out

  /// The nodes to give up: those with the highest numbers, as `cs-up` and stateful sets do.
  private func leavers(_ observation: ScaleObservation, count: Int) -> [NodeID] {
    let nodes = observation.members.map(\.node).sorted { left, right in
      (left.text.utf8.count, left) < (right.text.utf8.count, right)
    }
    return Array(nodes.suffix(max(0, min(count, nodes.count - 1))))
  }

  private mutating func drain(_ nodes: [NodeID], at now: Moment) -> [Directive] {
    for node in nodes { record.members[node]?.isDraining = true }
    record.version += 1
    let names = nodes.map(\.text).joined(separator: ", ")
    triggerRebalance("the autoscaler drains \(names)", at: now)
    return [.report("the autoscaler drains \(names)")]
  }

  /// The nodes stay after all, or are gone and may come back.
  private mutating func recall(_ nodes: [NodeID], at now: Moment) -> [Directive] {
    let drained = nodes.filter(isDraining)
    guard !drained.isEmpty else { return [] }
    for node in drained where record.members[node] != nil {
      record.members[node]?.isDraining = false
    }
    record.version += 1
    guard drained.contains(where: { !isDown($0) }) else { return [] }
    let names = drained.map(\.text).joined(separator: ", ")
    triggerRebalance("the autoscaler keeps \(names)", at: now)
    return [.report("the autoscaler keeps \(names)")]
  }

  /// Asks for fewer nodes once those that leave hold nothing, and until they are gone.
  private mutating func advance(
    _ leaving: inout ScalingRecord.Leaving?, of service: ServiceName,
    _ deployment: DeploymentScale?, at now: Moment
  ) -> ScaleRequest? {
    guard let present = leaving, let settings = configuration.autoscaling?.settings,
      !present.nodes.contains(where: ownsShards)
    else { return nil }
    if present.nodes.allSatisfy(isDown) {
      // As asked, or by themselves: then others may have taken their place, and who is to leave is decided anew.
      _ = recall(present.nodes, at: now)
      leaving = nil
      return nil
    }
    if let deployment, deployment.scale <= present.scale { return nil }
    if let asked = scaling[service]?.askedForLess, now.uptime - asked < settings.repeatInterval {
      return nil
    }
    scaling[service]?.askedForLess = now.uptime
    return ScaleRequest(service: service, scale: present.scale, leaving: present.nodes)
  }
}

extension Rebalance {
  /// Less than this says more of the steps around copying than of copying.
  private static let measurableBytes: UInt64 = 1_000_000

  /// Bytes per second of all its moves together; `nil` if it has copied too little to tell.
  fileprivate var measuredSpeed: Double? {
    let done = steps.filter { $0.state == .done && $0.bytes > 0 }
    let bytes = done.reduce(UInt64(0)) { $0 &+ $1.bytes }
    guard bytes >= Self.measurableBytes,
      let start = done.compactMap({ $0.startedAt?.unixMilliseconds }).min(),
      let end = done.compactMap({ $0.endedAt?.unixMilliseconds }).max(), end > start
    else { return nil }
    return Double(bytes) * 1000 / Double(end - start)
  }
}
