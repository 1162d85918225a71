package import CloudstateModel

/// A node's side of membership: register, send heartbeats, follow views forward only.
///
/// A pure value: events in, directives out, time as an argument (any monotonic reading). It never
/// gives up and never unlearns: without a coordinator it keeps the last view it has.
package struct NodeMembershipMachine: Sendable {
  /// What the shell is to do, in order.
  package enum Directive: Hashable, Sendable {
    /// Let the bus reach the coordinator at this endpoint, in the place of another one.
    case approach(endpoint: String)
    /// Send the registration, then call ``registrationEnded(_:at:)`` once.
    case register(Registration)
    /// Send the heartbeat, then call ``heartbeatEnded(_:at:)`` once. The shell adds the load.
    case heartbeat(HeartbeatReport)
    /// Let the bus reach this member, replacing an older link.
    case link(ClusterMember)
    case unlink(NodeID)
    /// Keep the view for the next start. Of several only the last matters.
    case save(ClusterView)
    /// The snapshot has changed, and these assignments with it.
    case changed([ShardAssignment])
    /// Write a line to the log.
    case report(String)
  }

  /// What became of a view.
  package enum Reception: Hashable, Sendable {
    /// The node follows this view or a later one of the same coordinator.
    case followed
    /// The node does not follow it, and why, for people.
    case refused(String)
  }

  /// What to do next about the coordinator.
  enum State: Hashable, Sendable {
    case stopped
    /// A registration is under way.
    case registering
    /// The last registration failed or was refused; the next one is due.
    case backingOff(until: Duration)
    /// The coordinator knows this node.
    case registered(nextHeartbeat: Duration)
  }

  let configuration: MembershipConfiguration
  private var search: CoordinatorSearch
  private(set) var state = State.stopped
  package private(set) var view: ClusterView?
  private(set) var shardMap: ShardMap
  private var members: [NodeID: ClusterMember] = [:]
  private var heartbeatInterval: Duration = .milliseconds(500)
  /// Registrations that failed in a row.
  private var failures = 0
  /// When the coordinator last answered anything.
  private var lastAnswer: Duration?
  private var isCoordinatorReachable = false
  private var refusal: String?

  package init(configuration: MembershipConfiguration) {
    self.configuration = configuration
    search = CoordinatorSearch(endpoints: configuration.coordinatorEndpoints)
    shardMap = ShardMap(
      service: configuration.info.service, shardCount: configuration.shardCount)
  }

  /// Where the coordinator is that this node asks.
  var coordinatorEndpoint: String { search.current }

  /// The state of the cluster as this node knows it.
  package var snapshot: ClusterSnapshot {
    ClusterSnapshot(
      shardMap: shardMap, members: members, planNumber: view?.plan.number ?? 0,
      moves: view?.plan.moves.filter { $0.shard.service == configuration.info.service } ?? [],
      coordinatorReachable: isCoordinatorReachable, refusal: refusal)
  }

  /// When ``wake(at:)`` is due next; `nil` if no time matters now.
  package var nextWake: Duration? {
    let next: Duration? =
      switch state {
      case .stopped, .registering: nil
      case .backingOff(let until): until
      case .registered(let nextHeartbeat): nextHeartbeat
      }
    guard isCoordinatorReachable, let lastAnswer else { return next }
    let silence = lastAnswer + configuration.coordinatorTimeout
    return min(next ?? silence, silence)
  }

  /// Takes up work with the view this node last saved, if any.
  package mutating func start(saved: ClusterView?, at now: Duration) -> [Directive] {
    var directives: [Directive] = []
    if let saved {
      if let reason = misfit(of: saved) {
        directives.append(
          .report("the saved view \(saved.version) is not used, the coordinator's is: \(reason)"))
      } else {
        directives += follow(saved).filter {
          if case .save = $0 { false } else { true }
        }
      }
    }
    return directives + register()
  }

  /// A moment of ``nextWake`` has come. Calling it early does no harm.
  package mutating func wake(at now: Duration) -> [Directive] {
    var directives: [Directive] = []
    if isCoordinatorReachable, let lastAnswer,
      now - lastAnswer >= configuration.coordinatorTimeout
    {
      isCoordinatorReachable = false
      directives.append(
        .report(
          "the coordinator has not answered for \((now - lastAnswer).wholeMilliseconds) ms; this "
            + "node goes on with plan \(view?.plan.number ?? 0)"))
      directives.append(.changed([]))
    }
    switch state {
    case .backingOff(let until) where now >= until:
      directives += register()
    case .registered(let nextHeartbeat) where now >= nextHeartbeat:
      // From now and not from the last due time: after a stall one heartbeat is enough.
      state = .registered(nextHeartbeat: now + heartbeatInterval)
      directives.append(
        .heartbeat(
          HeartbeatReport(
            node: configuration.info.node, incarnation: configuration.info.incarnation,
            planNumber: view?.plan.number ?? 0, viewVersion: view?.version ?? 0)))
    case .stopped, .registering, .backingOff, .registered:
      break
    }
    return directives
  }

  /// A registration was answered, or failed for the reason given.
  package mutating func registrationEnded(
    _ outcome: Result<RegistrationAnswer, ClusterError>, at now: Duration
  ) -> [Directive] {
    guard state == .registering else { return [] }
    switch outcome {
    case .failure(let error):
      let report = failures == 0 ? "cannot register yet: \(error.message)" : nil
      return tryNext() + backOff(at: now, report: report)
    case .success(.notLeader(let leader)):
      let before = search.current
      guard search.leaderNamed(leader) else {
        return approach(unless: before) + backOff(at: now, report: nil)
      }
      return approach(unless: before) + register()
    case .success(.refused(let reason)):
      return heard(at: now) + refused(reason, at: now)
    case .success(.accepted(let view, let heartbeatInterval, livenessTimeout: _)):
      var directives = heard(at: now)
      let (reception, changes) = receive(view, isRegistration: true)
      directives += changes
      if case .refused(let reason) = reception { return directives + refused(reason, at: now) }
      failures = 0
      search.found()
      self.heartbeatInterval = heartbeatInterval
      state = .registered(nextHeartbeat: now + heartbeatInterval)
      directives.append(.report("registered with coordinator \(view.coordinatorID)"))
      if refusal != nil {
        refusal = nil
        directives.append(.changed([]))
      }
      return directives
    }
  }

  /// A heartbeat was answered, or failed for the reason given.
  package mutating func heartbeatEnded(
    _ outcome: Result<HeartbeatAnswer, ClusterError>, at now: Duration
  ) -> [Directive] {
    guard state != .stopped else { return [] }
    guard case .success(let answer) = outcome else {
      // One coordinator shows its absence by its silence, which ``wake(at:)`` watches. Of several another one may
      // lead by now.
      guard search.hasChoice, case .registered = state else { return [] }
      return tryNext() + register()
    }
    var directives = heard(at: now)
    if let view = answer.view {
      directives += receive(view, isRegistration: false).directives
    }
    if answer.registerAgain, case .registered = state { directives += register() }
    return directives
  }

  /// A report of shards was answered.
  ///
  /// Before a coordinator has accepted this process the answer says nothing of the plan: one that stands by gives it,
  /// too. So it does not make the coordinator count as reachable, by which a kept plan would be taken for confirmed.
  package mutating func reportEnded(
    _ answer: ShardsReportAnswer, at now: Duration
  ) -> [Directive] {
    guard case .registered = state else { return [] }
    return answer.registerAgain ? register() : heard(at: now)
  }

  /// The coordinator delivered a view of its own accord.
  package mutating func viewDelivered(
    _ view: ClusterView, at now: Duration
  ) -> (reception: Reception, directives: [Directive]) {
    guard state != .stopped else { return (.refused("the node is stopping"), []) }
    return receive(view, isRegistration: false)
  }

  /// Ends all activity; every later event is ignored.
  package mutating func stop() { state = .stopped }

  // MARK: Registering

  private mutating func register() -> [Directive] {
    state = .registering
    return [
      .register(
        Registration(
          info: configuration.info, shardCount: configuration.shardCount,
          planNumber: view?.plan.number ?? 0,
          replicationFactor: configuration.replicationFactor))
    ]
  }

  private mutating func refused(_ reason: String, at now: Duration) -> [Directive] {
    let isNews = refusal != reason
    refusal = reason
    let directives = backOff(at: now, report: isNews ? "not registered: \(reason)" : nil)
    return isNews ? directives + [.changed([])] : directives
  }

  private mutating func backOff(at now: Duration, report: String?) -> [Directive] {
    // Each coordinator is asked once before the pause grows.
    let rounds = failures / max(1, search.endpoints.count)
    let delay = configuration.initialRetryDelay * (1 << min(rounds, 16))
    failures += 1
    state = .backingOff(until: now + min(delay, configuration.maximumRetryDelay))
    return report.map { [.report($0)] } ?? []
  }

  private mutating func tryNext() -> [Directive] {
    let before = search.current
    search.next()
    return approach(unless: before)
  }

  private func approach(unless endpoint: String) -> [Directive] {
    search.current == endpoint ? [] : [.approach(endpoint: search.current)]
  }

  private mutating func heard(at now: Duration) -> [Directive] {
    lastAnswer = now
    guard !isCoordinatorReachable else { return [] }
    isCoordinatorReachable = true
    return [.changed([])]
  }

  // MARK: Following views

  private mutating func receive(
    _ view: ClusterView, isRegistration: Bool
  ) -> (reception: Reception, directives: [Directive]) {
    if let reason = misfit(of: view) { return (.refused(reason), []) }
    guard let current = self.view else { return (.followed, follow(view)) }
    if view.coordinatorID == current.coordinatorID {
      return (.followed, view.version > current.version ? follow(view) : [])
    }
    guard isRegistration else {
      // Versions of another coordinator tell nothing, so it must first accept this node.
      var directives: [Directive] = []
      if case .registered = state { directives = register() }
      return (.refused("node \(configuration.info.node) registers first"), directives)
    }
    if let reason = contradiction(of: view) { return (.refused(reason), []) }
    return (.followed, follow(view))
  }

  /// Takes `view` over and answers what that changes.
  private mutating func follow(_ view: ClusterView) -> [Directive] {
    let before = members
    self.view = view
    members = Dictionary(uniqueKeysWithValues: view.members.map { ($0.node, $0) })
    let changed = shardMap.apply(view.plan)
    var directives: [Directive] = []
    for member in view.members
    where member.node != configuration.info.node && before[member.node]?.peer != member.peer {
      directives.append(.link(member))
    }
    for node in before.keys.sorted()
    where members[node] == nil && node != configuration.info.node {
      directives.append(.unlink(node))
    }
    return directives + [.save(view), .changed(changed)]
  }
}
