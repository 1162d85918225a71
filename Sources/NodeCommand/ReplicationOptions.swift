package import ArgumentParser
import CloudstateNode
import CommandLineKit
import ShardReplication

/// What a node is told about the copies of its shards.
package struct ReplicationOptions: ParsableArguments {
  /// Long names of the options that a `--config` file may set.
  static let names = ["replication", "ack", "lease", "write-timeout", "catch-up-rate", "zone"]

  @Option(help: "Copies of each shard, on as many nodes; all nodes of the service agree.")
  package var replication: UInt32 = 1
  @Option(help: "When changes are acknowledged: in-sync (all in-sync copies have them), or local.")
  package var ack = "in-sync"
  @Option(
    help: "How long a primary may answer without word of its copies; shorter fails over sooner.")
  package var lease: Duration = .seconds(1)
  @Option(help: "How long changes wait for copies that do not follow.")
  package var writeTimeout: Duration = .seconds(10)
  @Option(help: "Bytes a second that are read from the database for new copies.")
  package var catchUpRate = 64 << 20
  @Option(help: "Where the node stands; copies of a shard are kept in different zones.")
  package var zone = ""

  package init() {}

  func configure(_ configuration: inout NodeConfiguration) throws(ProgramError) {
    configuration.replication.factor = replication
    guard let policy = AckPolicy(rawValue: ack) else {
      throw wrongSetting("--ack '\(ack)' is none of in-sync, local")
    }
    configuration.replication.copies.ackPolicy = policy
    configuration.replication.copies.lease = lease
    configuration.replication.copies.writeTimeout = writeTimeout
    configuration.replication.copies.catchUpBytesPerSecond = catchUpRate
    configuration.replication.zone = zone
  }
}
