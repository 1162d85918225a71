package import CloudstateModel

// Who is alive: heartbeats, silence, and questions to nodes that are silent.

extension CoordinatorMachine {
  /// What is known of a member from this process's own hearing.
  struct Presence: Hashable, Sendable {
    var lastHeard: Duration
    /// False for a member that was recovered from the store and has not been heard yet: it may be
    /// dead, so it gets no shards.
    var isHeard: Bool
    var load = NodeLoad.none
    var traffic = ShardTraffic()
    var planNumber: UInt64 = 0
    /// When it was found to be down.
    var downSince: Duration?
    /// It has been down for so long that the copies it holds are placed anew.
    var isLost = false
    /// Whether the way from here to the node is known to work, so that a failure there tells of the node.
    var isLinkTrusted = false
    /// It could not be reached since it was last heard.
    var hasLinkFailed = false
    var probe: Probe?
  }

  /// Questions to a silent node.
  struct Probe: Hashable, Sendable {
    /// The silence they belong to: what was last heard before it.
    var silentSince: Duration
    /// How often in a row the node was not reachable.
    var failures = 0
    /// When the next question is due, if none is under way.
    var next: Duration?
  }

  /// What came of a question to a node.
  package enum ProbeOutcome: Hashable, Sendable {
    case answered
    /// Its process is gone, or the link to it is broken: nothing was delivered.
    case unreachable
    /// Neither; a process that is slow or stopped looks like this.
    case unknown
  }

  /// A heartbeat that arrived at `now`. The answer is due at once, it waits for no disk.
  package mutating func heartbeat(
    _ report: HeartbeatReport, at now: Moment
  ) -> (answer: HeartbeatAnswer, directives: [Directive]) {
    clock = now
    guard let member = record.members[report.node], member.incarnation == report.incarnation,
      report.planNumber <= record.plan.number
    else {
      // Either unknown here, or from a cluster with another history: registration tells which.
      return (HeartbeatAnswer(registerAgain: true, view: nil), [])
    }
    var directives = endDeafness(by: report.node, at: now.uptime)
    hear(report, at: now.uptime)
    if member.liveness != .alive {
      record.members[report.node]?.liveness = .alive
      hasNews = true
      record.version += 1
      directives.append(.report("node \(report.node) is alive again"))
      if member.liveness == .down { triggerRebalance("node \(report.node) is back", at: now) }
    }
    if let sample = report.sample { directives += take(sample, of: member.service, at: now) }
    directives += takeSteps(at: now) + writeIfNeeded()
    let isBehind = report.viewVersion < durable.version
    return (
      HeartbeatAnswer(registerAgain: false, view: isBehind ? durable.view : nil), directives
    )
  }

  private mutating func hear(_ report: HeartbeatReport, at now: Duration) {
    var presence = self.presence[report.node] ?? Presence(lastHeard: now, isHeard: true)
    // A node that is heard although it could not be reached: failures of this link tell nothing of it.
    if presence.hasLinkFailed || presence.downSince != nil { presence.isLinkTrusted = false }
    presence.hasLinkFailed = false
    if !presence.isHeard || presence.downSince != nil { hasNews = true }
    presence.lastHeard = max(presence.lastHeard, now)
    presence.isHeard = true
    // A restarted node counts from 0.
    presence.traffic.count(
      report.load.commands >= presence.load.commands
        ? report.load.commands - presence.load.commands : 0, at: now)
    presence.load = report.load
    presence.planNumber = report.planNumber
    presence.downSince = nil
    presence.isLost = false
    presence.probe = nil
    self.presence[report.node] = presence
  }

  /// Looks at the clocks; due every ``CoordinatorConfiguration/tickInterval``.
  package mutating func tick(at now: Moment) -> [Directive] {
    clock = now
    forgiveOwnPause(at: now.uptime)
    var directives: [Directive] = []
    for node in record.members.keys.sorted() {
      directives += updateLiveness(of: node, at: now)
    }
    let hasNewLiveness = !directives.isEmpty
    let plans = planIfReady(Array(record.services.keys), at: now)
    if hasNewLiveness || !plans.isEmpty { record.version += 1 }
    directives += plans + probeSilentNodes(at: now.uptime)
    // What waits for time to pass.
    if !record.plan.moves.isEmpty || record.rebalance?.isOpen == true
      || !knowledge.unusable.isEmpty
    {
      hasNews = true
    }
    directives += rebalanceIfDue(at: now)
    return directives + takeSteps(at: now) + writeIfNeeded()
  }

  // MARK: Silence

  /// If this process itself stood still (stopped, starved, its machine suspended), the silence it
  /// sees is its own and condemns nobody.
  private mutating func forgiveOwnPause(at now: Duration) {
    defer { lastTick = now }
    guard let lastTick, now - lastTick > configuration.heartbeatInterval else { return }
    // What is usual between two looks is no pause: a process that is late each time still finds the dead.
    let pause = now - lastTick - configuration.tickInterval
    for node in presence.keys {
      guard let heard = presence[node]?.lastHeard else { continue }
      presence[node]?.lastHeard = min(now, heard + pause)
      presence[node]?.probe = nil
    }
    for shard in standing.keys { standing[shard]?.movedAt += pause }
  }

  private mutating func updateLiveness(of node: NodeID, at now: Moment) -> [Directive] {
    guard let member = record.members[node], let heard = presence[node]?.lastHeard else {
      return []
    }
    let silence = now.uptime - heard
    let liveness: Liveness =
      if silence > configuration.livenessTimeout {
        .down
      } else if silence > configuration.suspectTimeout {
        .suspect
      } else {
        // Only a heartbeat or a registration makes a node alive again.
        member.liveness
      }
    if member.liveness == .down { return noteLoss(of: node, at: now) + forgetIfGone(node) }
    // A node that is down does not become suspect because this process was restarted or paused.
    guard liveness != member.liveness else { return [] }
    if liveness == .down {
      return [
        setDown(node, because: "not heard for \(silence.wholeMilliseconds) ms", at: now)
      ]
    }
    record.members[node]?.liveness = liveness
    return [.report("node \(node) is suspect: not heard for \(silence.wholeMilliseconds) ms")]
  }

  private mutating func setDown(
    _ node: NodeID, because reason: String, at now: Moment
  ) -> Directive {
    record.members[node]?.liveness = .down
    presence[node]?.downSince = now.uptime
    presence[node]?.probe = nil
    hasNews = true
    // What was proposed with the node is not what is to be done without it.
    if let proposal = record.rebalance, proposal.state == .proposed,
      proposal.steps.contains(where: { $0.source == node || $0.target == node })
    {
      triggerRebalance("node \(node) is down", at: now)
    }
    return .report("node \(node) is down: \(reason)")
  }

  /// A node that stays down is lost: its copies are placed anew.
  private mutating func noteLoss(of node: NodeID, at now: Moment) -> [Directive] {
    guard let presence = presence[node], let downSince = presence.downSince, !presence.isLost,
      now.uptime - downSince >= configuration.rebalancing.lostAfter
    else { return [] }
    self.presence[node]?.isLost = true
    guard ownsShards(node) else { return [] }
    triggerRebalance("node \(node) is lost", at: now)
    return [
      .report(
        "node \(node) has been down for \((now.uptime - downSince).wholeMilliseconds / 1000) s and counts as "
          + "lost: its copies are placed anew")
    ]
  }

  /// A node that is down and holds nothing is no member any more if it was drained before, or is lost.
  private mutating func forgetIfGone(_ node: NodeID) -> [Directive] {
    guard let member = record.members[node], !ownsShards(node), record.rebalance?.isOpen != true,
      member.isDraining || presence[node]?.isLost == true
    else { return [] }
    forget(node)
    if !record.members.values.contains(where: { $0.service == member.service }),
      !record.plan.shards.contains(where: { $0.shard.service == member.service })
    {
      record.services[member.service] = nil
      record.replicationFactors[member.service] = nil
    }
    return [.report("node \(node) is down and holds nothing: it is no member any more")]
  }

  /// Where nobody at all was heard the coordinator was cut off, not its nodes: those that fell silent together with
  /// the one that is heard first get time to be heard, too.
  mutating func endDeafness(by first: NodeID, at now: Duration) -> [Directive] {
    let heard = presence.values.filter(\.isHeard).map(\.lastHeard).max() ?? now
    guard now - heard > configuration.livenessTimeout else { return [] }
    var others = 0
    for (node, presence) in presence
    where node != first && presence.isHeard
      && heard - presence.lastHeard <= configuration.livenessTimeout
    {
      self.presence[node]?.lastHeard = now
      guard let liveness = record.members[node]?.liveness, liveness != .alive else { continue }
      others += 1
      self.presence[node]?.downSince = nil
      self.presence[node]?.isLost = false
      self.presence[node]?.probe = nil
      record.members[node]?.liveness = .suspect
    }
    guard others > 0 else { return [] }
    record.version += 1
    return [
      .report(
        "nobody was heard for \((now - heard).wholeMilliseconds) ms; now node \(first) is, and the others get time to be"
      )
    ]
  }

  // MARK: Probing

  /// Asks nodes that are silent for longer than a late heartbeat explains whether they are there.
  private mutating func probeSilentNodes(at now: Duration) -> [Directive] {
    let limit = configuration.heartbeatInterval * 3 / 2
    var directives: [Directive] = []
    for (node, presence) in presence.sorted(by: { $0.key < $1.key }) {
      guard record.members[node]?.liveness != .down, presence.isHeard, presence.isLinkTrusted,
        now - presence.lastHeard > limit
      else { continue }
      if let probe = presence.probe {
        guard let next = probe.next, next <= now else { continue }
        self.presence[node]?.probe?.next = nil
      } else {
        self.presence[node]?.probe = Probe(silentSince: presence.lastHeard)
      }
      directives.append(.probe(node, after: .zero))
    }
    return directives
  }

  /// A question to a node has ended.
  package mutating func probeEnded(
    _ outcome: ProbeOutcome, of node: NodeID, at now: Moment
  ) -> [Directive] {
    clock = now
    // What was heard since has ended the silence that was asked about.
    guard var presence = presence[node], let probe = presence.probe, probe.next == nil,
      probe.silentSince == presence.lastHeard
    else { return [] }
    guard outcome == .unreachable else {
      // The process is there, or it is not known: the node's silence decides, as without a question.
      presence.probe?.failures = 0
      presence.probe?.next = now.uptime + configuration.heartbeatInterval
      if outcome == .answered { presence.isLinkTrusted = true }
      self.presence[node] = presence
      return []
    }
    self.presence[node]?.probe?.failures += 1
    self.presence[node]?.hasLinkFailed = true
    guard probe.failures > 0 else { return [.probe(node, after: configuration.probePause)] }
    let silence = (now.uptime - presence.lastHeard).wholeMilliseconds
    let report = setDown(
      node, because: "not heard for \(silence) ms and not reachable, its process is gone",
      at: now)
    record.version += 1
    return [report] + takeSteps(at: now) + writeIfNeeded()
  }

  /// A view was, or was not, brought to the node: tells whether the way to it works.
  package mutating func linkUsed(to node: NodeID, _ outcome: ProbeOutcome) {
    switch outcome {
    case .answered: presence[node]?.isLinkTrusted = true
    // This may be the node's end. The link is trusted no more only if the node is heard after it.
    case .unreachable: presence[node]?.hasLinkFailed = true
    case .unknown: break
    }
  }
}
