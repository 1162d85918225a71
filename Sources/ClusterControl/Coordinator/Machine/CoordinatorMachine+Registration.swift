import CloudstateModel

extension CoordinatorMachine {
  /// A node's wish to be a member, with a ticket under which the answer comes back, exactly once
  /// and possibly with a later event: an acceptance waits until it is durable.
  package mutating func register(
    _ registration: Registration, ticket: UInt64, at now: Moment
  ) -> [Directive] {
    clock = now
    if let refusal = refusal(of: registration) {
      return [.answer(ticket: ticket, .refused(refusal))]
        + reportOnce(refusal, of: registration.info.node)
    }
    let info = registration.info
    let directives = endDeafness(by: info.node, at: now.uptime) + admit(registration, at: now)
    guard record.version > durable.version else {
      return directives + [.answer(ticket: ticket, acceptance)]
    }
    guard waiting.count < configuration.maximumWaitingRegistrations else {
      let refusal = "the coordinator is busy, node \(info.node) will try again"
      return directives + [.answer(ticket: ticket, .refused(refusal))] + writeIfNeeded()
    }
    waiting.append((ticket: ticket, version: record.version))
    return directives + writeIfNeeded()
  }

  private mutating func reportOnce(_ refusal: String, of node: NodeID) -> [Directive] {
    guard refusals[node] != refusal else { return [] }
    if refusals.count >= configuration.maximumMembers { refusals = [:] }
    refusals[node] = refusal
    return [.report("refused node \(node): \(refusal)")]
  }

  /// Makes the node a member, and plans if it was the one all waited for.
  private mutating func admit(_ registration: Registration, at now: Moment) -> [Directive] {
    let info = registration.info
    let known = record.members[info.node]
    let member = ClusterMember(
      info: info, liveness: .alive, isDraining: known?.isDraining ?? false)
    let isJoin = known?.info != info || presence[info.node]?.isHeard != true
    let isChange =
      known != member || record.services[info.service] != registration.shardCount
    if known == nil { forgetOneUnneededMember() }
    refusals[info.node] = nil
    record.members[info.node] = member
    record.services[info.service] = registration.shardCount
    presence[info.node] = Presence(
      lastHeard: now.uptime, isHeard: true, planNumber: registration.planNumber,
      isLinkTrusted: known?.info == info && presence[info.node]?.isLinkTrusted == true)
    if isJoin { lastJoin[info.service] = now.uptime }
    if known?.incarnation != info.incarnation {
      memberSince[info.node] = now.uptime
      if known?.liveness != .alive { scaling[info.service]?.nodeCame(at: now.uptime) }
    }
    var directives: [Directive] = []
    if isChange { directives.append(.report(joinReport(info, known: known))) }
    if known?.info != info { knowledge.forget(info.node) }
    if known?.info != info || known?.liveness == .down {
      triggerRebalance("node \(info.node) is there", at: now)
    }
    // Also one that was silent and is there again: what was reported of its copies waits for that.
    hasNews = hasNews || isJoin || isChange
    directives += admitReplicationFactor(of: registration, at: now)
    let plans = planIfReady([info.service], at: now)
    if isChange || !directives.isEmpty || !plans.isEmpty { record.version += 1 }
    return directives + plans + takeSteps(at: now)
  }

  /// The nodes of a service should agree; the latest word counts, so that the number can be changed by restarting
  /// one node after the other.
  private mutating func admitReplicationFactor(
    of registration: Registration, at now: Moment
  ) -> [Directive] {
    let service = registration.info.service
    let wanted = registration.replicationFactor
    let known = UInt32(record.replicationFactor(of: service))
    let isFirst = record.replicationFactors[service] == nil
    guard wanted != known || isFirst && wanted > 1 else { return [] }
    record.replicationFactors[service] = wanted
    triggerRebalance("service \(service) wants \(wanted) copies of each shard", at: now)
    // The first node of a service contradicts nobody.
    guard
      record.members.values.contains(where: {
        $0.service == service && $0.node != registration.info.node
      })
    else { return [] }
    return [
      .report(
        "service \(service) wants \(wanted) \(wanted == 1 ? "copy" : "copies") of each shard, as node "
          + "\(registration.info.node) says; it was \(known). Give all its nodes the same number")
    ]
  }

  private func joinReport(_ info: NodeInfo, known: ClusterMember?) -> String {
    let verb = known == nil ? "joined" : known?.info == info ? "came back to" : "restarted in"
    var report = "node \(info.node) \(verb) service \(info.service)"
    if !hasAssignments(info.service), let expected = configuration.expectedNodes[info.service] {
      report += " (\(assignable(info.service).count) of \(expected) expected nodes)"
    }
    return report
  }

  /// Why the registration is refused, for people; `nil` if it is not.
  private func refusal(of registration: Registration) -> String? {
    let info = registration.info
    if info.node == .coordinator {
      return "the node name \"\(NodeID.coordinator)\" is reserved; give the node another name"
    }
    guard (1...configuration.maximumShardCount).contains(registration.shardCount) else {
      return "service \(info.service) cannot have \(registration.shardCount) shards: the number "
        + "must be 1 to \(configuration.maximumShardCount)"
    }
    if registration.planNumber > record.plan.number {
      return "node \(info.node) follows plan \(registration.planNumber), but this coordinator has "
        + "only plan \(record.plan.number): its data folder is not the one that made the node's "
        + "plan. Start the coordinator with that folder"
    }
    if let known = record.members[info.node], let clash = clash(of: info, with: known) {
      return clash
    }
    if let count = record.services[info.service], count != registration.shardCount,
      isShardCountFixed(of: info.service, for: info.node)
    {
      return "service \(info.service) has \(count) shards, but node \(info.node) is set to "
        + "\(registration.shardCount); all nodes of a service must agree, and the number cannot "
        + "change while the service has a plan"
    }
    if record.members[info.node] == nil, record.members.count >= configuration.maximumMembers,
      unneededMember == nil
    {
      return "the cluster has reached its bound of \(configuration.maximumMembers) nodes"
    }
    return nil
  }

  /// Whether the name is taken: by a node of another service, or by another process that lives.
  private func clash(of info: NodeInfo, with known: ClusterMember) -> String? {
    let isSameEndpoint = known.info.requestEndpoint == info.requestEndpoint
    // An endpoint belongs to one process at a time, so a newcomer there has replaced the old
    // process. At another endpoint the old process must have fallen silent first.
    let isReplaced = isSameEndpoint || known.liveness != .alive
    if known.service != info.service, ownsShards(info.node) || !isReplaced {
      return "node \(info.node) belongs to service \(known.service), not to \(info.service); give "
        + "the node another name"
    }
    if !isReplaced {
      return
        "another process called \(info.node) was heard at \(known.info.requestEndpoint) not long ago. "
        + "After a restart wait: this node is accepted when its predecessor has been silent for "
        + "\(configuration.suspectTimeout.wholeMilliseconds) ms. If both run, stop one or rename it"
    }
    return nil
  }

  /// A service's shard count is open to correction while nothing depends on it.
  private func isShardCountFixed(of service: ServiceName, for node: NodeID) -> Bool {
    hasAssignments(service)
      || record.members.values.contains {
        $0.service == service && $0.node != node && $0.liveness != .down
      }
  }

  private func hasAssignments(_ service: ServiceName) -> Bool {
    record.plan.shards.contains { $0.shard.service == service }
  }

  func ownsShards(_ node: NodeID) -> Bool {
    record.plan.shards.contains { $0.primary == node || $0.replicas.contains(node) }
  }

  /// The first member by name that is down and holds nothing: it makes room when the cluster is
  /// full.
  private var unneededMember: NodeID? {
    record.members.values.filter { $0.liveness == .down && !ownsShards($0.node) }
      .map(\.node).min()
  }

  private mutating func forgetOneUnneededMember() {
    guard record.members.count >= configuration.maximumMembers, let node = unneededMember else {
      return
    }
    forget(node)
  }

  /// The node is no member any more.
  mutating func forget(_ node: NodeID) {
    record.members[node] = nil
    presence[node] = nil
    memberSince[node] = nil
    knowledge.forget(node)
  }

  /// The nodes of a service that may be given shards now.
  func assignable(_ service: ServiceName) -> [NodeID] {
    record.members.values
      .filter { member in
        member.service == service && member.liveness == .alive
          && presence[member.node]?.isHeard == true
      }
      .map(\.node).sorted()
  }

  /// Makes one new plan out of all `services` whose unassigned shards can be assigned now. The
  /// caller raises the version if the answer is not empty.
  mutating func planIfReady(_ services: [ServiceName], at now: Moment) -> [Directive] {
    var fresh: [ShardAssignment] = []
    var reasons: [String] = []
    for service in services.sorted() {
      guard let shardCount = record.services[service],
        record.plan.shards.count(where: { $0.shard.service == service }) < Int(shardCount),
        isReady(service, at: now.uptime)
      else { continue }
      let heard = Set(assignable(service))
      let candidates = plannerNodes(of: service).filter { heard.contains($0.node) }
      let copies = record.replicationFactor(of: service)
      let assignments = Planner.assignmentsForUnassignedShards(
        of: service, shardCount: shardCount, replicationFactor: copies, nodes: candidates,
        current: record.plan.shards)
      guard !assignments.isEmpty else { continue }
      fresh += assignments
      let names = candidates.filter(\.isEligible).map(\.node.text).sorted()
      let suffix = copies > 1 ? ", with \(copies) copies each" : ""
      reasons.append(
        "\(assignments.count) shards of service \(service) are assigned for the first time, over "
          + "\(names.count) \(names.count == 1 ? "node" : "nodes"): "
          + "\(names.joined(separator: ", "))\(suffix).")
    }
    guard !fresh.isEmpty else { return [] }
    hasNews = true
    adopt(
      Plan(
        number: record.plan.number + 1, reason: reasons.joined(separator: " "),
        createdAt: now.wall,
        shards: (record.plan.shards + fresh).sorted { $0.shard < $1.shard },
        moves: record.plan.moves))
    return [.report("plan \(record.plan.number): \(record.plan.reason)")]
  }

  /// Whether the nodes a service is to start with are there.
  private func isReady(_ service: ServiceName, at now: Duration) -> Bool {
    let nodes = assignable(service)
    if let expected = configuration.expectedNodes[service] { return nodes.count >= expected }
    guard let lastJoin = lastJoin[service] else { return !nodes.isEmpty }
    return !nodes.isEmpty && now - lastJoin >= configuration.settleTime
  }
}
