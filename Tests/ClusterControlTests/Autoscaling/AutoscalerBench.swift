import CloudstateModel
import ClusterControl
import Testing

/// An autoscaler with hand-made samples.
struct AutoscalerBench {
  var recorded: RecordedAutoscaler
  var records: [AutoscalerRecord]
  var now: Double = 1_000
  var members: [ScaleMember]
  var deployment: DeploymentScale
  var isRebalancing = false
  var moving = MovingEstimate.free

  var state: AutoscalerState { recorded.autoscaler.state }

  init(
    members count: Int, settings: AutoscalerSettings = .example, state: AutoscalerState = .stable
  ) throws {
    recorded = RecordedAutoscaler(
      Autoscaler(service: try service(), settings: settings, state: state))
    records = [recorded.start]
    members = try (0..<count).map { ScaleMember(node: try node("n\($0)"), incarnation: 1) }
    deployment = DeploymentScale(name: "cart", ready: count, scale: count)
  }

  /// One second of samples, then a tick: for each member the concurrency at the user function, and the same for all
  /// of the rest.
  mutating func step(
    functions: [Double] = [], requests: Double = 0, store: Double = 0, requestCount: Int64 = 0
  ) -> ScaleDecision {
    sample(functions: functions, requests: requests, store: store, requestCount: requestCount)
    return tick()
  }

  mutating func sample(
    functions: [Double] = [], requests: Double = 0, store: Double = 0, requestCount: Int64 = 0
  ) {
    now += 1
    for (index, member) in members.enumerated() {
      let sample = NodeSample(
        node: member.node, incarnation: member.incarnation, intervalNanoseconds: 1_000_000_000,
        requests: WorkMeasure(concurrency: requests, timeNanoseconds: 0, count: requestCount),
        functions: WorkMeasure(
          concurrency: index < functions.count ? functions[index] : 0, timeNanoseconds: 0, count: 0),
        store: WorkMeasure(concurrency: store, timeNanoseconds: 0, count: 0))
      records += [recorded.receive(sample, at: at(now))].compactMap(\.self)
    }
  }

  mutating func tick() -> ScaleDecision {
    let (decision, more) = recorded.tick(
      ScaleObservation(
        members: members, deployment: deployment, isRebalancing: isRebalancing, moving: moving),
      at: at(now))
    records += more
    return decision
  }
}

extension AutoscalerSettings {
  /// The settings of the check values of proxy-behaviour 15.4.
  static var example: AutoscalerSettings {
    var settings = AutoscalerSettings()
    settings.targetFunctionConcurrency = 1
    settings.targetRequestConcurrency = 10
    settings.maximumScale = 4
    settings.maximumMembers = 10
    return settings
  }

  func with(_ change: (inout AutoscalerSettings) -> Void) -> AutoscalerSettings {
    var settings = self
    change(&settings)
    return settings
  }
}
