import CloudstateModel

/// Settings of a node's membership.
package struct MembershipConfiguration: Hashable, Sendable {
  /// This node's address card.
  package var info: NodeInfo
  /// Shards of the node's service.
  package var shardCount: UInt32
  /// Copies of each shard that the service wants, the primary's included. Default 1.
  package var replicationFactor: UInt32 = 1
  /// Endpoint of the coordinator's requests, such as `tcp://127.0.0.1:5100`; of several coordinators, of which one
  /// leads, separated by commas.
  package var coordinatorEndpoint: String
  /// How long a registration or a heartbeat waits for its answer. Default 2 s.
  package var requestTimeout: Duration = .seconds(2)
  /// The pause after a failed or refused registration; it doubles up to ``maximumRetryDelay``.
  /// Default 100 ms.
  package var initialRetryDelay: Duration = .milliseconds(100)
  /// Default 2 s. Higher spares the coordinator and makes a node come back later.
  package var maximumRetryDelay: Duration = .milliseconds(500)
  /// Without an answer for this long the coordinator counts as unreachable. Default 3 s.
  package var coordinatorTimeout: Duration = .seconds(3)

  /// Seven can lose three of them; etcd advises against more members, too.
  package static let maximumCoordinators = 7

  package init(info: NodeInfo, shardCount: UInt32, coordinatorEndpoint: String) {
    self.info = info
    self.shardCount = shardCount
    self.coordinatorEndpoint = coordinatorEndpoint
  }

  /// One for each coordinator.
  package var coordinatorEndpoints: [String] {
    coordinatorEndpoint.split { $0 == "," || $0 == " " }.map(String.init)
  }

  /// Checks ranges and relations.
  ///
  /// - Throws: ``ClusterError`` with `.invalidConfiguration`, whose message says what to change.
  package func validate() throws(ClusterError) {
    try require(
      info.node != .coordinator, "the node name \"\(NodeID.coordinator)\" is reserved")
    try require(
      !info.requestEndpoint.isEmpty && !info.publishEndpoint.isEmpty,
      "node \(info.node) has no bus endpoints")
    try require(!coordinatorEndpoints.isEmpty, "the coordinator's endpoint is missing")
    try require(
      coordinatorEndpoints.count <= Self.maximumCoordinators,
      "\(coordinatorEndpoints.count) coordinators are too many: name up to \(Self.maximumCoordinators)"
    )
    try require(shardCount > 0, "a service needs at least one shard")
    // A retry delay of zero would turn an absent coordinator into a busy loop.
    try require(
      initialRetryDelay > .zero && maximumRetryDelay >= initialRetryDelay,
      "the retry delay must be positive and at most its maximum")
    // Otherwise one slow answer would already count as an absent coordinator.
    try require(
      requestTimeout > .zero && coordinatorTimeout >= requestTimeout,
      "the coordinator timeout (\(coordinatorTimeout)) must be at least the request timeout "
        + "(\(requestTimeout))")
  }
}
