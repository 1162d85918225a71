import CloudstateModel
package import CloudstateNode
package import CommandLineKit
package import EntityRuntime
import Eventing
package import GRPCTransport
package import Ingress
package import Logging

extension NodeOptions {
  /// Runs a node with these options until `stopped` returns or the node cannot go on.
  ///
  /// - Parameter access: for calls from inside the process.
  /// - Throws: ``ProgramError`` for a wrong setting, with status `usage`, or for what stopped the node.
  package func runNode(
    function: FunctionPlace, access: LocalAccess? = nil, logger: Logger,
    until stopped: @escaping @Sendable () async throws -> Void
  ) async throws {
    var configuration = try nodeConfiguration(function: function)
    configuration.access = access
    let node = CloudstateNode(configuration: configuration, logger: logger)
    do {
      try await node.run(until: stopped)
    } catch let error as NodeError {
      throw ProgramError(
        error.message, status: error.code == .configuration ? .usage : .failure)
    }
  }

  /// What the node logs with: to standard error, from the level of the options.
  package func logger(label: String) throws(ProgramError) -> Logger {
    guard let level = Logger.Level(rawValue: logLevel) else {
      throw wrongSetting("--log-level '\(logLevel)' is not a level; try info or debug")
    }
    var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = level
    return logger
  }

  /// The options as a node takes them.
  ///
  /// - Throws: ``ProgramError`` with status `usage` that names the first option that is missing or wrong.
  package func nodeConfiguration(
    function: FunctionPlace
  ) throws(ProgramError) -> NodeConfiguration {
    guard let service, let serviceName = ServiceName(service) else {
      throw wrongSetting(
        service.map { "--service '\($0)' is not a name: letters, digits, '-' and '_', at most 63" }
          ?? "--service is missing: name the stateful service, such as --service cart")
    }
    guard let data else {
      throw wrongSetting("--data is missing: name a folder for the database, such as --data ./data")
    }
    let node = nodeID ?? "\(service)-1"
    guard let identifier = NodeID(node) else {
      throw wrongSetting(
        "--node-id '\(node)' is not a name: letters, digits, '-' and '_', at most 63")
    }
    var configuration = NodeConfiguration(
      service: serviceName, nodeID: identifier, function: function,
      listen: try Self.address("listen", listen), data: data)
    configuration.accessFile = accessOptions.access
    configuration.management =
      management == "off" ? nil : try Self.address("management", management)
    configuration.busRequests = bus
    configuration.busPublications = busPublish
    if let file = busOptions.busKey {
      do throws(NodeError) {
        try configuration.useBusKey(file)
      } catch {
        throw wrongSetting(error.message)
      }
    }
    configuration.coordinator = coordinator
    configuration.shardCount = shards
    try replication.configure(&configuration)
    scrubbing.configure(&configuration)
    configuration.entities.passivationTimeout = passivationTimeout
    configuration.entities.commandTimeout = commandTimeout
    configuration.entities.passesMetadata = passMetadata
    configuration.ownerTimeout = ownerTimeout
    configuration.maximumStreams = maxStreams
    configuration.idempotencyRetention = idempotencyRetention
    configuration.eventLoops = loops
    configuration.maximumMessageBytes = maxMessageBytes
    configuration.http = http.configuration
    configuration.shutdownGrace = shutdown.shutdownGrace
    configuration.drainDelay = shutdown.drainDelay
    listener.configure(&configuration.listener)
    try tls.configure(&configuration.listener)
    configuration.readyFile = readyFile
    guard let check = DiscoveryPolicy.VersionCheck(rawValue: versionCheck) else {
      throw wrongSetting("--version-check '\(versionCheck)' is none of compatible, strict, any")
    }
    configuration.versionCheck = check
    configuration.cors = cors.configuration
    try configureEvents(&configuration)
    return configuration
  }

  private func configureEvents(_ configuration: inout NodeConfiguration) throws(ProgramError) {
    configuration.eventRetryDelay = eventRetryDelay
    configuration.eventMaximumRetryDelay = eventMaxRetryDelay
    configuration.eventAttempts = eventAttempts == 0 ? nil : eventAttempts
    guard let failures = ConsumerSettings.RefusalPolicy(rawValue: eventFailures) else {
      throw wrongSetting("--event-failures '\(eventFailures)' is none of retry, skip")
    }
    configuration.eventFailures = failures
    guard let poison = ConsumerSettings.PoisonPolicy(rawValue: eventPoison) else {
      throw wrongSetting("--event-poison '\(eventPoison)' is none of skip, stop")
    }
    configuration.eventPoison = poison
  }

  /// Reads the value of an option that is an address.
  package static func address(
    _ option: String, _ text: String
  ) throws(ProgramError) -> GRPCAddress {
    guard let address = GRPCAddress(text) else {
      throw wrongSetting("--\(option) '\(text)' is not an address: write HOST:PORT or unix:/path")
    }
    return address
  }
}

/// A wrong setting of a node's command line.
package func wrongSetting(_ message: String) -> ProgramError {
  ProgramError(message, hint: "\(programName) --help", status: .usage)
}

/// The name by which this process was started, without its folder.
package let programName: String = {
  let path = CommandLine.arguments.first ?? ""
  let name = path.split(separator: "/").last.map(String.init) ?? ""
  return name.isEmpty ? "node" : name
}()
