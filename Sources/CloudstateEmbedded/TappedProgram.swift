import ArgumentParser
import CommandLineKit
import GRPCTransport
import NodeCommand

/// As ``EmbeddedProgram``, for a node that the compatibility kit looks into.
struct TappedProgram: NodeProgram {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: programName,
      abstract: "Runs one node with its user function inside, for the compatibility kit.",
      discussion: """
        EXAMPLES
          \(programName) --service tck --data ./data --tap 127.0.0.1:8090
              tells cs-tck --proxy 127.0.0.1:9000 --tap 127.0.0.1:8090 what node and function say

        EXIT STATUS
          0 stopped by a signal   1 failure   2 wrong setting
        """,
      version: programVersion)
  }

  @OptionGroup var node: NodeOptions

  @Option(
    name: .customLong("tap"),
    help: ArgumentHelp(
      "Tell the cs-tck that listens here every message between node and function.",
      valueName: "host:port"))
  var tapText: String?

  func tap() throws(ProgramError) -> GRPCAddress? {
    guard let tapText else { return nil }
    guard let address = GRPCAddress(tapText) else {
      throw ProgramError(
        "'\(tapText)' is not an address", hint: "--tap 127.0.0.1:8090", status: .usage)
    }
    return address
  }
}
