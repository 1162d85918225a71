package import ArgumentParser
import CommandLineKit

/// What a node is told about its end.
package struct ShutdownOptions: ParsableArguments {
  @Option(
    help: "Time a node told to stop still serves, already not ready, for load balancers to notice.")
  package var drainDelay: Duration = .zero
  @Option(help: "Limit of each step of a graceful stop.")
  package var shutdownGrace: Duration = .seconds(10)

  package init() {}
}
