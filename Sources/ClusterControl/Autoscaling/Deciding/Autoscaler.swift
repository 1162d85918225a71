package import CloudstateModel

/// Decides how many nodes a service is to have (proxy-behaviour section 15, its weak points mended).
///
/// A pure value: samples and ticks in, decisions out, time as an argument. What differs from the reference:
///
/// * The rate of requests is one per node, and is not rounded down to whole requests.
/// * Requests count without those that wait for the store in every state, and never as fewer than none.
/// * If both concurrencies are too high the larger of the two needs counts.
/// * Without samples nothing is decided; the reference takes silence for idleness and scales down.
/// * A scale-up has to be worth its cost: the overload must be expected to last longer than it takes nodes to join,
///   to warm up and to get their shards. Without knowledge of the future, a state is expected to last as long again
///   as it has lasted: this rule never costs more than twice what a clairvoyant one would. Idleness likewise.
/// * Nodes that warm up or get shards do not count as capacity, and their samples count for nothing; but as nodes
///   that are there they keep more from being asked for. When the settled members change, older samples are dropped
///   and new ones gathered for the rate window.
/// * Nodes are given up only while no shard moves, by samples from after the last move, and only if the rest stays
///   below the targets by a margin. So at a constant load there is a number of nodes with which nothing changes any
///   more.
/// * No more nodes are given up than leave one for each copy of a shard: fewer copies are an operator's decision.
/// * What is asked for already is not asked for less by a scale-up, nor for more by a scale-down.
package struct Autoscaler: Hashable, Sendable, Codable {
  package let service: ServiceName
  package let settings: AutoscalerSettings
  package internal(set) var state: AutoscalerState
  var window = SampleWindow()
  /// The settled members at the last tick.
  private var settled: [NodeID]?
  /// Shards were moving at the last tick.
  private var wasRebalancing = false
  /// Nothing is decided before this moment; milliseconds of uptime.
  var gatheringUntil: Int64 = 0
  /// All members have been heard once, so that the first decision is about all of them.
  private var hasHeardAll = false
  /// Since when the load has been too high or too low, and when a scale was last asked for.
  var overloadedSince: Int64?
  var idleSince: Int64?
  var lastRequest: Int64?

  /// - Parameter state: where the last coordinator left off.
  package init(
    service: ServiceName, settings: AutoscalerSettings, state: AutoscalerState = .stable
  ) {
    self.service = service
    self.settings = settings
    self.state = state
  }

  /// Takes a node's sample. One that cannot be true is left out.
  package mutating func receive(_ sample: NodeSample, at now: Moment) {
    guard sample.isPlausible else { return }
    window.receive(sample, at: now.uptime.wholeMilliseconds)
  }

  /// Decides; due every ``AutoscalerSettings/tickPeriod``. What the decision asks for is to be requested of the scaler.
  package mutating func tick(_ observation: ScaleObservation, at now: Moment) -> ScaleDecision {
    let time = Time(
      uptime: now.uptime.wholeMilliseconds, wall: now.wall.unixMilliseconds)
    let before = state
    window.drop(before: time.uptime - settings.window.wholeMilliseconds)
    noteMembers(observation, at: time.uptime)
    var summary = summary(observation, at: time)
    let verdict = decide(observation, &summary, at: time)
    if verdict.action != .stay { lastRequest = time.uptime }
    return ScaleDecision(
      service: service, uptimeMilliseconds: time.uptime, wallMilliseconds: time.wall,
      action: verdict.action, members: summary.members, wanted: verdict.wanted,
      reason: verdict.reason, summary: summary, observation: observation, before: before,
      after: state)
  }

  struct Time {
    var uptime: Int64
    var wall: Int64
  }

  struct Verdict {
    var action: ScaleDecision.Action
    var wanted: Int
    var reason: String
  }

  func summary(_ observation: ScaleObservation, at time: Time) -> LoadSummary {
    window.summary(of: observation, at: time.uptime, rateWindow: settings.rateWindow)
  }

  private mutating func noteMembers(_ observation: ScaleObservation, at now: Int64) {
    let present = observation.members.filter(\.isSettled).map(\.node).sorted()
    if let settled, settled != present {
      // What a node carried among others says nothing of what it carries among more or fewer.
      window.drop(before: now)
      gatheringUntil = now + settings.rateWindow.wholeMilliseconds
    }
    settled = present
    if wasRebalancing, !observation.isRebalancing {
      // Commands were held while their shards moved: they were at no function, and the load looked less than it was.
      window.drop(before: now)
      gatheringUntil = now + settings.rateWindow.wholeMilliseconds
      idleSince = nil
    }
    wasRebalancing = observation.isRebalancing
  }

  private mutating func decide(
    _ observation: ScaleObservation, _ summary: inout LoadSummary, at time: Time
  ) -> Verdict {
    let stay = { (reason: String) in
      Verdict(action: .stay, wanted: observation.members.count, reason: reason)
    }
    guard !observation.members.isEmpty else { return stay("no member is up") }
    guard let deployment = observation.deployment else {
      return stay("waiting for the scaler to report")
    }
    if !hasHeardAll {
      if let missing = window.firstMissing(of: observation.members.filter(\.isSettled)) {
        return stay("waiting for the first sample of node \(missing)")
      }
      hasHeardAll = true
    }
    guard time.uptime >= gatheringUntil else {
      return stay("members have changed: gathering samples")
    }
    if summary.samples > 0 { noteLoad(summary, at: time.uptime) }
    switch state {
    case .stable: return evaluate(observation, deployment, summary, at: time)
    case .scalingUp(let desired, let rate, let deadline):
      if time.wall < within(deadline, settings.scaleUpStableDeadline, time) {
        return goOnUp(desired, rate, observation, deployment, summary, at: time)
      }
    case .scalingDown(let desired, let deadline):
      if time.wall < within(deadline, settings.scaleDownStableDeadline, time) {
        return goOnDown(desired, observation, deployment, at: time)
      }
    case .upgrading(let desired, _):
      if deployment.isUpgrading { return stay("upgrading, at a scale of \(desired)") }
    }
    // The state is over; what was measured in it counts only as far as it is recent.
    state = .stable
    window.drop(before: time.uptime - settings.rateWindow.wholeMilliseconds)
    summary = self.summary(observation, at: time)
    return evaluate(observation, deployment, summary, at: time)
  }

  /// A deadline of the calendar, kept from moving away when the calendar is set back.
  private mutating func within(_ deadline: Int64, _ length: Duration, _ time: Time) -> Int64 {
    let latest = time.wall + length.wholeMilliseconds
    guard deadline > latest else { return deadline }
    switch state {
    case .scalingUp(let desired, let rate, _):
      state = .scalingUp(
        desired: desired, lastStableRatePerNode: rate, deadlineWallMilliseconds: latest)
    case .scalingDown(let desired, _):
      state = .scalingDown(desired: desired, deadlineWallMilliseconds: latest)
    case .stable, .upgrading: break
    }
    return latest
  }

  private mutating func noteLoad(_ summary: LoadSummary, at now: Int64) {
    overloadedSince = isOverloaded(summary) ? overloadedSince ?? now : nil
    idleSince =
      needWithMargin(summary) < summary.members && !isOverloaded(summary) ? idleSince ?? now : nil
  }
}
