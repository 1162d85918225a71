/// Settings of how shards are placed anew while the cluster runs.
package struct RebalancingConfiguration: Hashable, Sendable {
  /// Membership must have been the same for this long before shards are placed anew. Default 3 s. Longer
  /// spares moves when several nodes join or leave, shorter uses a new node sooner.
  package var delay: Duration = .seconds(3)
  /// A node that is down for this long is lost, and the copies it held are placed anew. Default 60 s, or twice
  /// the liveness timeout if that is longer. Longer spares copying when nodes come back, shorter restores the number
  /// of copies sooner.
  package var lostAfter: Duration = .seconds(60)
  /// Whether a rebalance waits for an operator's approval. Failover never does. Default `false`.
  package var requiresApproval = false
  /// Shards that may be on their way at one time. Default 8. Higher rebalances sooner and burdens the nodes
  /// more.
  package var maximumConcurrentMoves = 8
  /// Shards on their way from one node, and to one node, at one time. Default 1: clients of a shard that moves wait
  /// for the work of the other moves, too, and one at a time hardly takes longer.
  package var maximumMovesPerNode = 1
  /// A primary that has been told to fence and says nothing for this long counts as one that could not.
  /// Default 10 s.
  package var fenceTimeout: Duration = .seconds(10)
  /// Attempts to fence one shard; after them its move is given up. Default 5.
  package var maximumFenceAttempts = 5
  /// The pause after a failed fence; it doubles up to ``maximumFencePause``. Default 1 s.
  package var initialFencePause: Duration = .seconds(1)
  /// Default 30 s.
  package var maximumFencePause: Duration = .seconds(30)
  /// A move or a new copy that has not got on for this long is given up, so that others take its turn: its target may
  /// have a full disk, or may not be reached by the primary. Default 60 s. Shorter goes on sooner, and gives up copies
  /// that only rest.
  package var progressTimeout: Duration = .seconds(60)
  /// While a node that is drained owns shards, a rebalance that could not do all it should is followed by another one
  /// after this pause. Default 1 s; it doubles up to ``maximumRetryPause``, until a rebalance does all.
  package var initialRetryPause: Duration = .seconds(1)
  /// Default 30 s. Longer burdens a cluster less in which something is wrong, shorter finds sooner that it is mended.
  package var maximumRetryPause: Duration = .seconds(30)

  package init() {}

  /// Checks ranges and relations.
  ///
  /// - Throws: ``ClusterError`` with `.invalidConfiguration`, whose message says what to change.
  func validate(livenessTimeout: Duration) throws(ClusterError) {
    try require(
      delay >= .zero && delay <= .seconds(3600),
      "the rebalance delay must be 0 s to one hour, not \(delay)")
    // A node is down before it is lost, so that a restart does not copy its shards elsewhere.
    try require(
      lostAfter > livenessTimeout && lostAfter <= .seconds(30 * 86_400),
      "the time after which a node is lost (\(lostAfter)) must be longer than the liveness timeout "
        + "(\(livenessTimeout)) and at most 30 days")
    try require(
      (1...1024).contains(maximumConcurrentMoves)
        && (1...maximumConcurrentMoves).contains(maximumMovesPerNode),
      "the concurrent moves must be 1 to 1024, and those per node at most as many")
    try require(
      fenceTimeout > .zero && maximumFenceAttempts > 0,
      "the fence timeout and the fence attempts must be positive")
    try require(
      initialFencePause > .zero && maximumFencePause >= initialFencePause,
      "the pause after a failed fence must be positive and at most its maximum")
    try require(
      initialRetryPause > .zero && maximumRetryPause >= initialRetryPause
        && maximumRetryPause <= .seconds(86_400),
      "the pause before a rebalance is made anew must be positive, and at most its maximum of one day or less"
    )
    // Reports come every second, and a target that is gone is down before it is given up.
    try require(
      progressTimeout > livenessTimeout && progressTimeout <= .seconds(86_400),
      "the time after which a move without progress is given up (\(progressTimeout)) must be longer than the "
        + "liveness timeout (\(livenessTimeout)) and at most one day")
  }
}
