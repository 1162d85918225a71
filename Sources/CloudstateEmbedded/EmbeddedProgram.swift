import ArgumentParser
import CommandLineKit
import GRPCTransport
import NodeCommand

/// The command line of a program with an embedded node.
protocol NodeProgram: ParsableCommand {
  var node: NodeOptions { get }
  /// Who is told of all that passes between node and function, if anyone.
  func tap() throws(ProgramError) -> GRPCAddress?
}

/// The command line of a program with an embedded node: that of `cs-node` without `--function`.
struct EmbeddedProgram: NodeProgram {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: programName,
      abstract: "Runs one node with its user function inside.",
      discussion: """
        EXAMPLES
          \(programName) --service cart --data ./data
              a node that runs alone, public gRPC at 127.0.0.1:9000

          \(programName) --service cart --node-id cart-2 --listen 127.0.0.1:9002 \\
                  --coordinator tcp://127.0.0.1:5100 --data ./data-2
              a node of a cluster

        To start many of them see cs-up: function: {embedded: [PROGRAM]} in a topology.

        EXIT STATUS
          0 stopped by a signal   1 failure   2 wrong setting
        """,
      version: programVersion)
  }

  @OptionGroup var node: NodeOptions

  func tap() -> GRPCAddress? { nil }
}
