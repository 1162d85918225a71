package import CloudstateModel

/// Settings of the coordinator.
package struct CoordinatorConfiguration: Hashable, Sendable {
  /// How often a node sends a heartbeat. Default 500 ms. Shorter finds failures sooner and costs
  /// messages.
  package var heartbeatInterval: Duration
  /// Silence after which a node is suspect. Default three fifths of ``livenessTimeout``.
  package var suspectTimeout: Duration
  /// Silence after which a node is down. Default 3 s. Shorter finds failures sooner but takes a
  /// busy machine for a dead one. A process that is gone is found sooner, see ``probeTimeout``.
  package var livenessTimeout: Duration
  /// Nodes to wait for before the shards of a service are first assigned. Default: none named. A
  /// shard stays where it was first assigned, so the first assignment should see all nodes.
  package var expectedNodes: [ServiceName: Int]
  /// Without an expected number, the shards of a service are first assigned when no node has joined
  /// it for this long. Default 2 s. Zero assigns with the first node.
  package var settleTime: Duration
  /// How long the coordinator waits for a node to acknowledge a view before it sends it again.
  /// Default 2 s.
  package var publicationTimeout: Duration
  /// Attempts to deliver one view to one node; after them the node gets it with its next heartbeat.
  /// Default 20.
  package var publicationAttempts: Int
  /// The pause before the first repeated delivery; it doubles up to ``maximumRetryDelay``.
  /// Default 100 ms.
  package var initialRetryDelay: Duration
  /// Default 2 s.
  package var maximumRetryDelay: Duration
  /// Members the cluster may have; a registration beyond is refused. Default 512.
  package var maximumMembers: Int
  /// Shards a service may have; a registration with more is refused. Default 65536, as many as a node may be given.
  package var maximumShardCount: UInt32
  /// Registrations that may wait for the disk at once; more are refused. Default 1024.
  package var maximumWaitingRegistrations: Int
  /// How long a node that is silent for one and a half heartbeats may take to answer a probe. What is
  /// not reachable twice, ``probePause`` apart, is down at once; a probe that is not answered in time says nothing.
  /// Default 500 ms.
  package var probeTimeout: Duration
  /// Default 150 ms.
  package var probePause: Duration
  package var rebalancing: RebalancingConfiguration
  /// What is scaled. Default: nothing.
  package var autoscaling: AutoscalingConfiguration?

  package init(
    heartbeatInterval: Duration = .milliseconds(500), livenessTimeout: Duration = .seconds(3),
    suspectTimeout: Duration? = nil, expectedNodes: [ServiceName: Int] = [:],
    settleTime: Duration = .seconds(2)
  ) {
    self.heartbeatInterval = heartbeatInterval
    self.suspectTimeout = suspectTimeout ?? livenessTimeout * 3 / 5
    self.livenessTimeout = livenessTimeout
    self.expectedNodes = expectedNodes
    self.settleTime = settleTime
    publicationTimeout = .seconds(2)
    publicationAttempts = 20
    initialRetryDelay = .milliseconds(100)
    maximumRetryDelay = .seconds(2)
    maximumMembers = 512
    maximumShardCount = 65_536
    maximumWaitingRegistrations = 1024
    probeTimeout = .milliseconds(500)
    probePause = .milliseconds(150)
    rebalancing = RebalancingConfiguration()
    rebalancing.lostAfter = max(rebalancing.lostAfter, livenessTimeout * 2)
    rebalancing.progressTimeout = max(rebalancing.progressTimeout, livenessTimeout * 2)
  }

  /// How often the coordinator looks at its clocks: often enough that a timeout is seen at most a
  /// quarter of a heartbeat late.
  package var tickInterval: Duration { heartbeatInterval / 4 }

  /// Checks ranges and relations.
  ///
  /// - Throws: ``ClusterError`` with `.invalidConfiguration`, whose message says what to change.
  package func validate() throws(ClusterError) {
    // A tick is a quarter of it, and event loops cannot usefully go below milliseconds.
    try require(
      heartbeatInterval >= .milliseconds(10) && heartbeatInterval <= .seconds(60),
      "the heartbeat interval must be 10 ms to 60 s, not \(heartbeatInterval)")
    // One lost or late heartbeat must not make a node suspect.
    try require(
      suspectTimeout >= heartbeatInterval * 2,
      "the suspect timeout (\(suspectTimeout)) must be at least two heartbeat intervals "
        + "(\(heartbeatInterval) each); raise the liveness timeout or shorten the interval")
    // A node is suspect before it is down, so that routing has warning.
    try require(
      livenessTimeout > suspectTimeout,
      "the liveness timeout (\(livenessTimeout)) must be longer than the suspect timeout "
        + "(\(suspectTimeout))")
    try require(
      livenessTimeout <= .seconds(3600),
      "the liveness timeout must be at most one hour, not \(livenessTimeout)")
    for (service, count) in expectedNodes {
      try require(
        (1...maximumMembers).contains(count),
        "the expected nodes of service \(service) must be 1 to \(maximumMembers), not \(count)")
    }
    try require(
      settleTime >= .zero && settleTime <= .seconds(3600),
      "the settle time must be 0 s to one hour, not \(settleTime)")
    try require(
      publicationTimeout > .zero && publicationAttempts > 0,
      "the publication timeout and the publication attempts must be positive")
    // A retry delay of zero would turn an unreachable node into a busy loop.
    try require(
      initialRetryDelay > .zero && maximumRetryDelay >= initialRetryDelay,
      "the retry delay must be positive and at most its maximum")
    try require(
      maximumMembers > 0 && maximumShardCount > 0 && maximumWaitingRegistrations > 0,
      "the bounds on members, shards and waiting registrations must be positive")
    try require(
      probeTimeout > .zero && probePause > .zero,
      "the probe timeout and the pause between probes must be positive")
    try rebalancing.validate(livenessTimeout: livenessTimeout)
    try autoscaling?.validate()
  }
}

/// Throws `.invalidConfiguration` with `message` unless `condition` holds.
func require(_ condition: Bool, _ message: String) throws(ClusterError) {
  if !condition { throw ClusterError(.invalidConfiguration, message) }
}
