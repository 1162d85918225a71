/// Settings of the autoscaler (proxy-behaviour 15 and 19). Times are whole milliseconds.
package struct AutoscalerSettings: Hashable, Sendable, Codable {
  /// Commands at the user function of a node that are right, on average. Default 1.
  package var targetFunctionConcurrency: Double = 1
  /// Requests of clients in a node that are right, on average, without those that wait for the store. Default 50.
  package var targetRequestConcurrency: Double = 50
  /// How far back averages reach. Default 1 min.
  @Milliseconds package var window: Duration = .seconds(60)
  /// How long a scale-up is given to show its effect. Default 3 min.
  @Milliseconds package var scaleUpStableDeadline: Duration = .seconds(180)
  /// The same for a scale-down. Default 30 s.
  @Milliseconds package var scaleDownStableDeadline: Duration = .seconds(30)
  /// How much more than at the start of a scale-up the rate of requests must be for another one on top. Default 1.5.
  package var rateThresholdFactor: Double = 1.5
  /// How far back the rate of requests reaches, and how long samples are gathered after nodes came or went.
  /// Default 6 s.
  @Milliseconds package var rateWindow: Duration = .seconds(6)
  /// The largest change at once, as a part of the nodes there are; 0 for no such bound. Default 0.
  package var maximumScaleFactor: Double = 0
  /// The largest change at once, in nodes; 0 for no such bound. Default 2.
  package var maximumScale: Int = 2
  /// Default 100.
  package var maximumMembers: Int = 100
  /// Fewer nodes are never asked for, nor fewer than a service keeps copies of each shard. Default 1.
  package var minimumMembers: Int = 1
  /// Nodes are given up only if the others then stay below the targets by this part. Default 0.2. With 0 a small
  /// change of load could be followed by one to the other side.
  package var scaleDownMargin: Double = 0.2
  /// How often to look. Default 2 s.
  @Milliseconds package var tickPeriod: Duration = .seconds(2)
  /// A scale that has been asked for and is not there is asked for again after this long. Default 20 s, how old the
  /// observed scale may be.
  @Milliseconds package var repeatInterval: Duration = .seconds(20)
  /// How fast shards move as long as no move has been measured, in bytes per second. Default 20 MB/s.
  package var assumedBytesPerSecond: Double = 20_000_000

  package init() {}

  /// Checks ranges and relations.
  ///
  /// - Throws: ``ClusterError`` with `.invalidConfiguration`, whose message says what to change.
  package func validate() throws(ClusterError) {
    for (name, value) in [
      ("target concurrency of the user function", targetFunctionConcurrency),
      ("target concurrency of requests", targetRequestConcurrency),
      ("assumed bytes per second", assumedBytesPerSecond),
    ] {
      try require(
        value.isFinite && value > 0, "the \(name) must be a positive number, not \(value)")
    }
    try require(
      rateThresholdFactor.isFinite && rateThresholdFactor > 1,
      "the threshold factor of the request rate must be more than 1, not \(rateThresholdFactor)")
    try require(
      maximumScaleFactor.isFinite && maximumScaleFactor >= 0 && maximumScale >= 0,
      "the largest change at once must be 0 (no bound) or positive")
    try require(
      1 <= minimumMembers && minimumMembers <= maximumMembers && maximumMembers <= 10_000,
      "the smallest number of members (\(minimumMembers)) must be 1 to the largest "
        + "(\(maximumMembers)), and that at most 10000")
    // Less than half: with more, a step down could leave nodes nearly idle.
    try require(
      scaleDownMargin.isFinite && scaleDownMargin >= 0 && scaleDownMargin <= 0.5,
      "the scale-down margin must be 0 to 0.5, not \(scaleDownMargin)")
    try require(
      tickPeriod >= .milliseconds(100) && tickPeriod <= .seconds(60),
      "the tick period must be 100 ms to 60 s, not \(tickPeriod)")
    try require(
      rateWindow >= .seconds(1) && rateWindow <= window && window <= .seconds(3600),
      "the rate window (\(rateWindow)) must be 1 s to the window (\(window)), and that at most one "
        + "hour")
    for (name, value) in [
      ("scale-up stable deadline", scaleUpStableDeadline),
      ("scale-down stable deadline", scaleDownStableDeadline), ("repeat interval", repeatInterval),
    ] {
      try require(
        value >= tickPeriod && value <= .seconds(86_400),
        "the \(name) must be at least the tick period (\(tickPeriod)) and at most one day, not "
          + "\(value)")
    }
  }

  /// `wanted` within the bounds on changes at once and on members (`cap` of 15.4).
  package func capped(_ wanted: Int, from members: Int) -> Int {
    var change = abs(wanted - members)
    if maximumScaleFactor > 0 {
      let part = min(Double(members) * maximumScaleFactor, 1e9)
      change = min(change, max(1, Int(part.rounded(.down))))
    }
    if maximumScale > 0 { change = min(change, maximumScale) }
    let scale = wanted < members ? members - change : members + change
    return min(max(scale, minimumMembers), maximumMembers)
  }
}
