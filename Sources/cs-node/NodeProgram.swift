import ArgumentParser
import CloudstateModel
import CloudstateNode
import CommandLineKit
import EntityRuntime
import Eventing
import GRPCTransport
import Glibc
import Logging

@main
struct NodeProgram: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cs-node",
    abstract: "Runs one node: the sidecar of a user function.",
    discussion: """
      EXAMPLES
        cs-node --service cart --function 127.0.0.1:8080 --data ./data
            a node that runs alone, public gRPC at 127.0.0.1:9000

        cs-node --service cart --node-id cart-2 --function 127.0.0.1:8082 --listen 127.0.0.1:9002 \\
                --coordinator tcp://127.0.0.1:5100 --data ./data-2
            a node of a cluster

        cs-node --config Config/node.env --data ./data
            settings from a file of KEY=VALUE lines; flags win

      Most people do not start nodes by hand: see cs-up.

      EXIT STATUS
        0 stopped by a signal   1 failure   2 wrong setting
      """,
    version: programVersion)

  @Option(help: "Name of the stateful service this node belongs to.") var service: String?
  @Option(help: "Name of this node; stays the same over restarts. Default: SERVICE-1.")
  var nodeID: String?
  @Option(help: "Where the user function listens, HOST:PORT or unix:/path.")
  var function: String?
  @Option(help: "Public gRPC listener, HOST:PORT; port 0 takes a free one.")
  var listen = "127.0.0.1:9000"
  @Option(help: "Management listener (/ready, /alive), HOST:PORT, or 'off'.")
  var management = "off"
  @Option(help: "Bus endpoint for requests; '*' as port takes a free one.")
  var bus = "tcp://127.0.0.1:*"
  @Option(help: "Bus endpoint for publications.") var busPublish = "tcp://127.0.0.1:*"
  @Option(help: "Bus endpoint of the coordinator; without it the node runs alone.")
  var coordinator: String?
  @Option(help: "Folder of the database; made when missing.") var data: String?
  @Option(help: "Shards of the service; all nodes agree, and it never changes.")
  var shards: UInt32 = 64
  @Option(help: "Idle time after which entities are passivated.")
  var passivationTimeout: Duration = .seconds(30)
  @Option(help: "Time the user function may take for one command.")
  var commandTimeout: Duration = .seconds(60)
  @Option(help: "Time commands wait for a node that cannot be reached.")
  var ownerTimeout: Duration = .seconds(5)
  @Option(help: "Entities active at once; default: what is known of the function's library.")
  var maxStreams: Int?
  @Option(help: "How long answers are kept under idempotency keys.")
  var idempotencyRetention: Duration = .seconds(24 * 3600)
  @Option(help: "Event loops; default: one for every two cores.") var loops: Int?
  @Option(help: "Largest message in bytes.") var maxMessageBytes = 12 * 1024 * 1024
  @Option(help: "Protocol versions accepted: compatible (0.0 to 0.2), strict (0.2), any.")
  var versionCheck = "compatible"
  @Option(help: "Limit of each step of a graceful stop.") var shutdownGrace: Duration = .seconds(10)
  @Option(help: "Wait before an event that failed is handed over again; doubles with each failure.")
  var eventRetryDelay: Duration = .seconds(3)
  @Option(help: "Longest such wait.") var eventMaxRetryDelay: Duration = .seconds(30)
  @Option(help: "What a failure in answer to an event means: retry, or skip (the event is done).")
  var eventFailures = "retry"
  @Option(help: "Failures of one event before --event-poison decides; 0: no limit.")
  var eventAttempts = 0
  @Option(help: "Then: skip the event and log it, or stop consuming its shard.")
  var eventPoison = "skip"
  @Option(help: "File written when the node is ready.") var readyFile: String?
  @Option(help: "trace, debug, info, notice, warning, error or critical.") var logLevel = "info"
  @Option(help: "File of KEY=VALUE settings: CS_LISTEN=... for --listen and so on.")
  var config: String?
  @Flag(help: "Hand request headers to entities as metadata.") var passMetadata = false
  @Flag(help: "Stop when the process that started this one ends.") var stopWithParent = false

  private static let options = [
    "service", "node-id", "function", "listen", "management", "bus", "bus-publish", "coordinator",
    "data", "shards", "passivation-timeout", "command-timeout", "owner-timeout", "max-streams",
    "idempotency-retention", "loops", "max-message-bytes", "version-check", "shutdown-grace",
    "ready-file", "log-level", "event-retry-delay", "event-max-retry-delay", "event-failures",
    "event-attempts", "event-poison",
  ]
  private static let flags = ["pass-metadata", "stop-with-parent"]

  static func main() async {
    let typed = Array(CommandLine.arguments.dropFirst())
    do throws(ProgramError) {
      await runProgram(NodeProgram.self, arguments: try withConfigFile(typed))
    } catch {
      Console().error(error.message)
      Glibc.exit(error.status.rawValue)
    }
  }

  /// Settings of the `--config` file come before what was typed, so that flags win.
  private static func withConfigFile(_ typed: [String]) throws(ProgramError) -> [String] {
    var path: String?
    for (index, argument) in typed.enumerated() {
      if argument == "--config", index + 1 < typed.count { path = typed[index + 1] }
      if argument.hasPrefix("--config=") { path = String(argument.dropFirst("--config=".count)) }
    }
    guard let path else { return typed }
    return try EnvironmentFile(path: path)
      .arguments(prefix: "CS_", options: options, flags: flags) + typed
  }

  func run() async throws {
    if stopWithParent { try CommandLineKit.stopWithParent() }
    let configuration = try nodeConfiguration()
    guard let level = Logger.Level(rawValue: logLevel) else {
      throw usage("--log-level '\(logLevel)' is not a level; try info or debug")
    }
    var logger = Logger(label: "cs-node") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = level
    let node = CloudstateNode(configuration: configuration, logger: logger)
    do {
      try await node.run { _ = try await SignalWatcher.firstSignal() }
    } catch let error as NodeError {
      throw ProgramError(
        error.message, status: error.code == .configuration ? .usage : .failure)
    }
  }

  private func nodeConfiguration() throws -> NodeConfiguration {
    guard let service, let serviceName = ServiceName(service) else {
      throw usage(
        service.map { "--service '\($0)' is not a name: letters, digits, '-' and '_', at most 63" }
          ?? "--service is missing: name the stateful service, such as --service cart")
    }
    guard let data else {
      throw usage("--data is missing: name a folder for the database, such as --data ./data")
    }
    guard let function else {
      throw usage(
        "--function is missing: where does the user function listen? such as "
          + "--function 127.0.0.1:8080")
    }
    let node = nodeID ?? "\(service)-1"
    guard let identifier = NodeID(node) else {
      throw usage("--node-id '\(node)' is not a name: letters, digits, '-' and '_', at most 63")
    }
    var configuration = NodeConfiguration(
      service: serviceName, nodeID: identifier, function: try address("function", function),
      listen: try address("listen", listen), data: data)
    configuration.management =
      management == "off" ? nil : try address("management", management)
    configuration.busRequests = bus
    configuration.busPublications = busPublish
    configuration.coordinator = coordinator
    configuration.shardCount = shards
    configuration.entities.passivationTimeout = passivationTimeout
    configuration.entities.commandTimeout = commandTimeout
    configuration.entities.passesMetadata = passMetadata
    configuration.ownerTimeout = ownerTimeout
    configuration.maximumStreams = maxStreams
    configuration.idempotencyRetention = idempotencyRetention
    configuration.eventLoops = loops
    configuration.maximumMessageBytes = maxMessageBytes
    configuration.shutdownGrace = shutdownGrace
    configuration.readyFile = readyFile
    guard let check = DiscoveryPolicy.VersionCheck(rawValue: versionCheck) else {
      throw usage("--version-check '\(versionCheck)' is none of compatible, strict, any")
    }
    configuration.versionCheck = check
    try configureEvents(&configuration)
    return configuration
  }

  private func configureEvents(_ configuration: inout NodeConfiguration) throws {
    configuration.eventRetryDelay = eventRetryDelay
    configuration.eventMaximumRetryDelay = eventMaxRetryDelay
    configuration.eventAttempts = eventAttempts == 0 ? nil : eventAttempts
    guard let failures = ConsumerSettings.RefusalPolicy(rawValue: eventFailures) else {
      throw usage("--event-failures '\(eventFailures)' is none of retry, skip")
    }
    configuration.eventFailures = failures
    guard let poison = ConsumerSettings.PoisonPolicy(rawValue: eventPoison) else {
      throw usage("--event-poison '\(eventPoison)' is none of skip, stop")
    }
    configuration.eventPoison = poison
  }

  private func address(_ option: String, _ text: String) throws -> GRPCAddress {
    guard let address = GRPCAddress(text) else {
      throw usage("--\(option) '\(text)' is not an address: write HOST:PORT or unix:/path")
    }
    return address
  }

  private func usage(_ message: String) -> ProgramError {
    ProgramError(message, hint: "cs-node --help", status: .usage)
  }
}
