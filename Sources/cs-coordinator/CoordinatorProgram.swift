import ArgumentParser
import ClusterControl
import CommandLineKit
import EtcdClient
import Glibc
import Logging
import MessageBus

@main
struct CoordinatorProgram: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cs-coordinator",
    abstract: "Runs the coordinator: membership, shard assignment, plans.",
    discussion: """
      EXAMPLES
        cs-coordinator --data ./coordinator --expect cart=3
            assigns the shards of service cart once three of its nodes are there

        cs-coordinator --data ./coordinator --bus tcp://10.0.0.5:5100 \\
                --bus-publish tcp://10.0.0.5:*
            for nodes on other machines; they name it with cs-node --coordinator

        cs-coordinator --data ./coordinator --bus-key bus.key --bus tcp://10.0.0.5:5100
            encrypted, and only nodes that have the key get in

        cs-coordinator --etcd http://10.0.0.1:2379,http://10.0.0.2:2379 --bus tcp://10.0.0.5:5100
            one of several: they share an etcd and elect a leader; nodes name all of them

        cs-coordinator --data ./coordinator --admin 127.0.0.1:9110
            serves cs-admin status, shards, nodes, top, plan, drain; of several coordinators the
            leader does, and the others send cs-admin there

        cs-coordinator --data ./coordinator --autoscale cart --scale-maximum 8 \\
                --scaler command --scale-command /usr/local/bin/scale-cart
            has as many nodes of service cart as its load needs; see cs-admin scale

        cs-coordinator --config Config/coordinator.env --data ./coordinator
            settings from a file of KEY=VALUE lines; flags win

      Most people do not start coordinators by hand: see cs-up.

      EXIT STATUS
        0 stopped by a signal   1 failure   2 wrong setting
      """,
    version: programVersion)

  @Option(help: "Bus endpoint for requests; '*' as port takes a free one.")
  var bus = "tcp://127.0.0.1:5100"
  @Option(help: "Bus endpoint for publications.") var busPublish = "tcp://127.0.0.1:*"
  @Option(
    help: ArgumentHelp(
      "Key file of the cluster (Scripts/make-bus-key): encrypts the bus and keeps others out.",
      valueName: "file"))
  var busKey: String?
  @Option(help: "Folder of the database; made when missing.") var data: String?
  @Option(
    help: ArgumentHelp(
      "Nodes to wait for before a service's shards are first assigned; repeat it or use commas.",
      valueName: "service=count"))
  var expect: [String] = []
  @Option(help: "Without --expect: assign when no node has joined for this long.")
  var settleTime: Duration = .seconds(2)
  @Option(help: "How often nodes send heartbeats.") var heartbeatInterval: Duration = .milliseconds(
    500)
  @Option(help: "Silence after which a node is suspect; default: 3/5 of --liveness-timeout.")
  var suspectTimeout: Duration?
  @Option(help: "Silence after which a node is down.") var livenessTimeout: Duration = .seconds(3)
  @OptionGroup var rebalancing: RebalancingOptions
  @OptionGroup var administration: AdministrationOptions
  @Option(help: "File written when the coordinator serves.") var readyFile: String?
  @Option(help: "trace, debug, info, notice, warning, error or critical.") var logLevel = "info"
  @OptionGroup(title: "Several coordinators") var etcdOptions: EtcdOptions
  @OptionGroup(title: "Autoscaling") var autoscaling: AutoscalingOptions
  @Option(help: "File of KEY=VALUE settings: CS_BUS=... for --bus and so on.")
  var config: String?
  @Flag(help: "Stop when the process that started this one ends.") var stopWithParent = false

  private static let options =
    [
      "bus", "bus-publish", "bus-key", "data", "expect", "settle-time", "heartbeat-interval",
      "suspect-timeout",
      "liveness-timeout", "ready-file", "log-level",
    ] + RebalancingOptions.options + AdministrationOptions.options + EtcdOptions.names
    + AutoscalingOptions.options
  private static let flags = ["stop-with-parent"] + RebalancingOptions.flags

  static func main() async {
    let typed = Array(CommandLine.arguments.dropFirst())
    do throws(ProgramError) {
      await runProgram(
        CoordinatorProgram.self,
        arguments: try withConfigFile(typed, options: options, flags: flags))
    } catch {
      Console().error(error.message)
      Glibc.exit(error.status.rawValue)
    }
  }

  func run() async throws {
    if stopWithParent { try CommandLineKit.stopWithParent() }
    let configuration = try coordinatorConfiguration()
    let adminAddress = try administration.address()
    let etcd = try etcdOptions.configuration()
    guard (data == nil) != (etcd == nil) else {
      throw usage(
        data == nil
          ? "--data is missing: name a folder for the database, such as --data ./coordinator"
          : "--data and --etcd exclude each other: the plan is kept in one place")
    }
    guard let level = Logger.Level(rawValue: logLevel) else {
      throw usage("--log-level '\(logLevel)' is not a level; try info or debug")
    }
    var logger = Logger(label: "cs-coordinator") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = level
    do {
      try await serve(configuration, adminAddress, etcd: etcd, logger: logger)
    } catch let error as ClusterError {
      throw ProgramError(
        error.message, status: error.code == .invalidConfiguration ? .usage : .failure)
    } catch let error as BusStartError {
      throw ProgramError("\(error)", hint: "another address with --bus and --bus-publish")
    }
  }

  /// Serves until a signal or a failure of the store; stops in the opposite order of the start.
  private func serve(
    _ configuration: CoordinatorConfiguration, _ adminAddress: AdminAddress?,
    etcd: EtcdConfiguration?, logger: Logger
  ) async throws {
    // Signals are watched before anything starts, so that none can end the process half-way.
    let (ends, continuation) = AsyncStream.makeStream(
      of: ClusterError?.self, bufferingPolicy: .bufferingOldest(1))
    let watcher = try SignalWatcher { _ in continuation.yield(nil) }
    defer { watcher.cancel() }
    var busConfiguration = ZeroMQBusConfiguration()
    busConfiguration.requestBind = bus
    busConfiguration.publishBind = busPublish
    busConfiguration.key = try key()
    if let warning = BusExposure.warning(
      endpoints: [bus, busPublish], hasKey: busConfiguration.key != nil)
    {
      logger.warning("\(warning)")
    }
    let store = try data.map { try RocksDBCoordinatorStore(path: $0) }
    let bus = try ZeroMQMessageBus.start(
      configuration: busConfiguration, nodeID: .coordinator, logger: logger)
    defer { bus.shutdown() }
    if let etcd {
      return try await serve(
        configuration, adminAddress, on: bus, etcd: etcd, endings: ends, logger: logger)
    }
    guard let store else { return }
    let coordinator = try await Coordinator.start(
      bus: bus, store: store, configuration: configuration, logger: logger
    ) { continuation.yield($0) }
    var admin: AdminServer?
    do {
      admin = try await adminAddress?.serve(AdminDesk(coordinator), logger: logger)
      try announce(bus, admin, logger: logger)
      for await failure in ends {
        if let failure { throw failure }
        break
      }
    } catch {
      try? await stop(admin, coordinator)
      throw error
    }
    logger.info("stopping")
    try await stop(admin, coordinator)
  }

  /// Stops both, whatever becomes of the first: operators are served before nodes are left alone.
  private func stop(_ admin: AdminServer?, _ coordinator: Coordinator) async throws {
    var failure: (any Error)?
    do { try await admin?.stop() } catch { failure = error }
    try await coordinator.stop()
    if let failure { throw failure }
  }

  private func key() throws(ProgramError) -> BusKey? {
    guard let busKey else { return nil }
    do throws(BusKeyError) {
      return try BusKey.read(busKey)
    } catch {
      throw usage(error.message)
    }
  }

  /// Tells whoever waits that the coordinator answers.
  func announce(_ bus: ZeroMQMessageBus, _ admin: AdminServer? = nil, logger: Logger) throws {
    if let readyFile { try writeAtomically(readyFile, readiness(of: bus, admin)) }
    logger.info("ready at \(bus.requestEndpoint)")
  }

  private func readiness(of bus: ZeroMQMessageBus, _ admin: AdminServer?) -> String {
    let document = JSONText.object([
      ("bus", .string(bus.requestEndpoint)), ("busPublish", .string(bus.publishEndpoint)),
      ("admin", .optional(admin?.address)), ("pid", .integer(Int64(getpid()))),
    ])
    return document.compact + "\n"
  }

  private func coordinatorConfiguration() throws -> CoordinatorConfiguration {
    var configuration = CoordinatorConfiguration(
      heartbeatInterval: heartbeatInterval, livenessTimeout: livenessTimeout,
      suspectTimeout: suspectTimeout, settleTime: settleTime)
    rebalancing.apply(to: &configuration.rebalancing)
    configuration.autoscaling = try autoscaling.configuration(data: data)
    do throws(ClusterError) {
      for text in expect { try configuration.expectNodes(text) }
      try configuration.validate()
    } catch {
      throw usage(error.message)
    }
    return configuration
  }

  private func usage(_ message: String) -> ProgramError {
    ProgramError(message, hint: "cs-coordinator --help", status: .usage)
  }
}
