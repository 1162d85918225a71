extension Autoscaler {
  func isOverloaded(_ summary: LoadSummary) -> Bool {
    summary.functionConcurrency > settings.targetFunctionConcurrency
      || summary.ownRequestConcurrency > settings.targetRequestConcurrency
  }

  /// How many nodes the load needs at the targets: `dUF` and `dReq` of 15.4, the larger of the two.
  private func need(_ summary: LoadSummary, part: Double = 1) -> Int {
    let function = nodes(
      summary.functionConcurrency, summary, target: settings.targetFunctionConcurrency * part)
    let request = nodes(
      summary.ownRequestConcurrency, summary, target: settings.targetRequestConcurrency * part)
    return max(function, request)
  }

  /// How many nodes are enough with the margin left free.
  func needWithMargin(_ summary: LoadSummary) -> Int {
    need(summary, part: 1 - settings.scaleDownMargin)
  }

  private func nodes(_ concurrency: Double, _ summary: LoadSummary, target: Double) -> Int {
    let exact = concurrency * Double(summary.settledMembers) / target
    // Averages are quotients: 3.0000000000000004 nodes are three.
    return max(1, Int(min(exact - 1e-9, 1e9).rounded(.up)))
  }

  /// The rules of the state `Stable`.
  mutating func evaluate(
    _ observation: ScaleObservation, _ deployment: DeploymentScale, _ summary: LoadSummary,
    at time: Time
  ) -> Verdict {
    let members = summary.members
    let stay = { (reason: String) in Verdict(action: .stay, wanted: members, reason: reason) }
    guard summary.samples > 0 else { return stay("no samples") }
    if isOverloaded(summary) {
      return scaleUp(
        to: need(summary), because: overload(summary), rate: summary.requestRatePerNode,
        observation, deployment, at: time)
    }
    if deployment.isUpgrading {
      state = .upgrading(
        desired: deployment.scale, lastStableRatePerNode: summary.requestRatePerNode)
      return stay("the deployment is being upgraded")
    }
    let need = needWithMargin(summary)
    guard need < members else { return stay("the load fits the nodes there are") }
    return scaleDown(to: need, observation, deployment, summary, at: time)
  }

  /// The rules of the state `ScalingUp` before its deadline.
  mutating func goOnUp(
    _ desired: Int, _ lastRate: Double, _ observation: ScaleObservation,
    _ deployment: DeploymentScale, _ summary: LoadSummary, at time: Time
  ) -> Verdict {
    let members = observation.members.count
    let rate = summary.requestRatePerNode
    if lastRate > 0, rate > lastRate * settings.rateThresholdFactor, isOverloaded(summary) {
      let exact = rate * Double(summary.settledMembers) / lastRate
      let need = Int(min(exact - 1e-9, 1e9).rounded(.up))
      if settings.capped(need, from: members) > desired {
        return scaleUp(
          to: need,
          because: "since the scale-up to \(desired) the rate of requests per node has risen from "
            + "\(short(lastRate)) to \(short(rate)) per second",
          rate: lastRate, observation, deployment, at: time)
      }
    }
    guard deployment.scale < desired else {
      return Verdict(
        action: .stay, wanted: desired,
        reason: "waiting for the effect of the scale-up to \(desired)"
      )
    }
    return ask(again: desired, deployment, at: time)
  }

  /// The rules of the state `ScalingDown` before its deadline.
  func goOnDown(
    _ desired: Int, _ observation: ScaleObservation, _ deployment: DeploymentScale, at time: Time
  ) -> Verdict {
    guard deployment.scale > desired else {
      return Verdict(
        action: .stay, wanted: desired,
        reason: "waiting for the effect of the scale-down to \(desired)")
    }
    return ask(again: desired, deployment, at: time)
  }

  private func ask(again desired: Int, _ deployment: DeploymentScale, at time: Time) -> Verdict {
    let isDue =
      lastRequest.map { time.uptime - $0 >= settings.repeatInterval.wholeMilliseconds } ?? true
    return Verdict(
      action: isDue ? .requestAgain : .stay, wanted: desired,
      reason: "the scale is \(deployment.scale), though \(desired) was asked for")
  }

  private mutating func scaleUp(
    to need: Int, because reason: String, rate: Double, _ observation: ScaleObservation,
    _ deployment: DeploymentScale, at time: Time
  ) -> Verdict {
    let members = observation.members.count
    let wanted = settings.capped(need, from: members)
    let stay = { (more: String) in
      Verdict(action: .stay, wanted: members, reason: "\(reason); \(more)")
    }
    guard wanted > members else {
      return stay(
        need > members
          ? "more than \(members) are not allowed"
          : "nodes that are not at full speed yet will help")
    }
    guard wanted > deployment.scale else {
      return stay("\(deployment.scale) nodes are asked for already")
    }
    let cost = observation.moving.joining(
      wanted - members, members: members, settings: settings)
    let lasted = time.uptime - (overloadedSince ?? time.uptime)
    guard lasted >= cost else {
      return stay(
        "it has lasted \(seconds(lasted)), and \(wanted - members) more would help after "
          + seconds(cost))
    }
    state = .scalingUp(
      desired: wanted, lastStableRatePerNode: rate,
      deadlineWallMilliseconds: time.wall + settings.scaleUpStableDeadline.wholeMilliseconds)
    return Verdict(
      action: .scaleUp, wanted: wanted,
      reason: "\(reason): \(need) nodes are needed, \(members) are there")
  }

  private mutating func scaleDown(
    to need: Int, _ observation: ScaleObservation, _ deployment: DeploymentScale,
    _ summary: LoadSummary, at time: Time
  ) -> Verdict {
    let members = summary.members
    let capped = settings.capped(need, from: members)
    // With fewer nodes than copies the planner would give copies up, which only an operator may ask for.
    let copies = observation.copies ?? 1
    let wanted = max(capped, min(copies, members))
    var reason = "\(need) of \(members) nodes are enough (\(load(summary)))"
    if wanted > capped { reason += "; \(copies) copies of each shard need \(copies) nodes" }
    let stay = { [reason] (more: String) in
      Verdict(action: .stay, wanted: members, reason: "\(reason); \(more)")
    }
    guard wanted < members else { return stay("fewer than \(members) are not allowed") }
    guard wanted < deployment.scale else {
      return stay("only \(deployment.scale) nodes are asked for already")
    }
    guard !observation.isRebalancing, summary.settledMembers == members else {
      return stay("but shards are moving or nodes are warming up")
    }
    let cost = observation.moving.leaving(
      members - wanted, members: members, settings: settings)
    let lasted = time.uptime - (idleSince ?? time.uptime)
    guard lasted >= cost else {
      return stay(
        "it has been so for \(seconds(lasted)), and to move the shards takes \(seconds(cost))")
    }
    state = .scalingDown(
      desired: wanted,
      deadlineWallMilliseconds: time.wall + settings.scaleDownStableDeadline.wholeMilliseconds)
    return Verdict(action: .scaleDown, wanted: wanted, reason: reason)
  }

  private func overload(_ summary: LoadSummary) -> String {
    var parts: [String] = []
    if summary.functionConcurrency > settings.targetFunctionConcurrency {
      parts.append(
        "\(short(summary.functionConcurrency)) commands at the user function of a node are more "
          + "than \(short(settings.targetFunctionConcurrency))")
    }
    if summary.ownRequestConcurrency > settings.targetRequestConcurrency {
      parts.append(
        "\(short(summary.ownRequestConcurrency)) requests in a node are more than "
          + short(settings.targetRequestConcurrency))
    }
    return parts.joined(separator: " and ")
  }

  private func load(_ summary: LoadSummary) -> String {
    "\(short(summary.functionConcurrency)) commands at the user function of a node, "
      + "\(short(summary.ownRequestConcurrency)) requests in it"
  }

  private func short(_ number: Double) -> String { "\((number * 100).rounded() / 100)" }

  private func seconds(_ milliseconds: Int64) -> String {
    "\(short(Double(milliseconds) / 1000)) s"
  }
}
