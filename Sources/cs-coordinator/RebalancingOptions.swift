import ArgumentParser
import ClusterControl
import CommandLineKit

/// How shards are placed anew while the cluster runs.
struct RebalancingOptions: ParsableArguments {
  @Option(help: "Shards are placed anew when membership has been the same for this long.")
  var rebalanceDelay: Duration = .seconds(3)
  @Option(
    help: ArgumentHelp(
      "A node that is down for this long is lost, and its copies are placed anew; default: 60s, or twice "
        + "--liveness-timeout if that is longer."))
  var lostAfter: Duration?
  @Option(help: "Shards that may be on their way at one time.") var maximumConcurrentMoves = 8
  @Option(help: "Shards that may be on their way from one node, and to one node.")
  var maximumMovesPerNode = 1
  @Option(
    help: ArgumentHelp(
      "A move or a new copy that has not got on for this long is given up, and the next one begins; default: 60s, or "
        + "twice --liveness-timeout if that is longer."))
  var moveProgressTimeout: Duration?
  @Flag(help: "A rebalance waits for 'cs-admin plan approve NUMBER'; failover never does.")
  var approvePlans = false

  /// What `--config` files may set.
  static let options = [
    "rebalance-delay", "lost-after", "maximum-concurrent-moves", "maximum-moves-per-node",
    "move-progress-timeout",
  ]
  static let flags = ["approve-plans"]

  func apply(to configuration: inout RebalancingConfiguration) {
    configuration.delay = rebalanceDelay
    if let lostAfter { configuration.lostAfter = lostAfter }
    if let moveProgressTimeout { configuration.progressTimeout = moveProgressTimeout }
    configuration.maximumConcurrentMoves = maximumConcurrentMoves
    configuration.maximumMovesPerNode = min(maximumMovesPerNode, maximumConcurrentMoves)
    configuration.requiresApproval = approvePlans
  }
}
