import ArgumentParser
import CommandLineKit
import EntityRuntime
import Glibc
import NodeCommand

@main
struct NodeProgram: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cs-node",
    abstract: "Runs one node: the sidecar of a user function.",
    discussion: """
      EXAMPLES
        cs-node --service cart --function 127.0.0.1:8080 --data ./data
            a node that runs alone, public gRPC and HTTP at 127.0.0.1:9000

        cs-node --service cart --node-id cart-2 --function 127.0.0.1:8082 --listen 127.0.0.1:9002 \\
                --coordinator tcp://127.0.0.1:5100 --data ./data-2
            a node of a cluster

        cs-node --service cart --function 127.0.0.1:8080 --data ./data \\
                --listen 0.0.0.0:9000 --tls-cert cert.pem --tls-key key.pem
            a node that speaks TLS with its clients

        cs-node --config Config/node.env --data ./data
            settings from a file of KEY=VALUE lines; flags win

      Most people do not start nodes by hand: see cs-up.

      EXIT STATUS
        0 stopped by a signal   1 failure   2 wrong setting
      """,
    version: programVersion)

  @Option(help: "Where the user function listens, HOST:PORT or unix:/path.")
  var function: String?
  @OptionGroup var node: NodeOptions

  static func main() async {
    let typed = Array(CommandLine.arguments.dropFirst())
    do throws(ProgramError) {
      await runProgram(
        NodeProgram.self, arguments: try NodeOptions.withConfigFile(typed, options: ["function"]))
    } catch {
      Console().error(error.message)
      Glibc.exit(error.status.rawValue)
    }
  }

  func run() async throws {
    if node.stopWithParent { try CommandLineKit.stopWithParent() }
    guard let function else {
      throw wrongSetting(
        "--function is missing: where does the user function listen? such as "
          + "--function 127.0.0.1:8080")
    }
    try await node.runNode(
      function: .address(try NodeOptions.address("function", function)),
      logger: try node.logger(label: "cs-node")
    ) {
      _ = try await SignalWatcher.firstSignal()
    }
  }
}
