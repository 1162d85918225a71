package import ArgumentParser
import CloudstateNode
import CommandLineKit
import ShardReplication

/// What a node is told about checking its copies in the background.
package struct ScrubOptions: ParsableArguments {
  /// Long names of the options that a `--config` file may set.
  static let names = ["scrub-rate", "scrub-interval"]

  @Option(help: "Bytes a second that are read to find damaged records early; 0: none.")
  package var scrubRate = 4 << 20
  @Option(help: "All copies are read once in this time, or as soon as the rate allows.")
  package var scrubInterval: Duration = .seconds(86_400)

  package init() {}

  func configure(_ configuration: inout NodeConfiguration) {
    configuration.replication.scrubbing.bytesPerSecond = scrubRate
    configuration.replication.scrubbing.interval = scrubInterval
  }
}
