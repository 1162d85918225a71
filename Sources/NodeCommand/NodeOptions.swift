package import ArgumentParser
package import CommandLineKit

/// What a node is told on its command line, wherever its user function runs: `cs-node` adds where that
/// is, a program with an embedded function adds nothing.
package struct NodeOptions: ParsableArguments {
  @Option(help: "Name of the stateful service this node belongs to.") package var service: String?
  @Option(help: "Name of this node; stays the same over restarts. Default: SERVICE-1.")
  package var nodeID: String?
  @Option(help: "Public gRPC and HTTP listener, HOST:PORT; port 0 takes a free one.")
  package var listen = "127.0.0.1:9000"
  @Option(help: "Management listener (/ready, /alive), HOST:PORT, or 'off'.")
  package var management = "off"
  @Option(help: "Bus endpoint for requests; '*' as port takes a free one.")
  package var bus = "tcp://127.0.0.1:*"
  @Option(help: "Bus endpoint for publications.") package var busPublish = "tcp://127.0.0.1:*"
  @Option(
    help: "Bus endpoint of the coordinator, of several with commas; without it the node runs alone."
  )
  package var coordinator: String?
  @Option(help: "Folder of the database; made when missing.") package var data: String?
  @Option(help: "Shards of the service; all nodes agree, and it never changes.")
  package var shards: UInt32 = 64
  @Option(help: "Idle time after which entities are passivated.")
  package var passivationTimeout: Duration = .seconds(30)
  @Option(help: "Time the user function may take for one command.")
  package var commandTimeout: Duration = .seconds(60)
  @Option(help: "Time commands wait for a node that cannot be reached.")
  package var ownerTimeout: Duration = .seconds(5)
  @Option(help: "Entities active at once; default: what is known of the function's library.")
  package var maxStreams: Int?
  @Option(help: "How long answers are kept under idempotency keys.")
  package var idempotencyRetention: Duration = .seconds(24 * 3600)
  @Option(help: "Event loops; default: one for every two cores.") package var loops: Int?
  @Option(help: "Largest message in bytes.") package var maxMessageBytes = 12 * 1024 * 1024
  @OptionGroup package var http: HTTPOptions
  @Option(help: "Protocol versions accepted: compatible (0.0 to 0.2), strict (0.2), any.")
  package var versionCheck = "compatible"
  @Option(help: "Wait before an event that failed is handed over again; doubles with each failure.")
  package var eventRetryDelay: Duration = .seconds(3)
  @Option(help: "Longest such wait.") package var eventMaxRetryDelay: Duration = .seconds(30)
  @Option(help: "What a failure in answer to an event means: retry, or skip (the event is done).")
  package var eventFailures = "retry"
  @Option(help: "Failures of one event before --event-poison decides; 0: no limit.")
  package var eventAttempts = 0
  @Option(help: "Then: skip the event and log it, or stop consuming its shard.")
  package var eventPoison = "skip"
  @Option(help: "File written when the node is ready.") package var readyFile: String?
  @Option(help: "trace, debug, info, notice, warning, error or critical.")
  package var logLevel = "info"
  @Option(help: "File of KEY=VALUE settings: CS_LISTEN=... for --listen and so on.")
  package var config: String?
  @OptionGroup package var busOptions: BusOptions
  @OptionGroup package var shutdown: ShutdownOptions
  @OptionGroup(title: "Copies of shards") package var replication: ReplicationOptions
  @OptionGroup(title: "Damage of stored records") package var scrubbing: ScrubOptions
  @OptionGroup(title: "Pages of other origins") package var cors: CORSOptions
  @OptionGroup(title: "TLS of the public listener") package var tls: TLSOptions
  @OptionGroup(title: "Limits of the public listener") package var listener: ListenerOptions
  @Flag(help: "Hand request headers to entities as metadata.") package var passMetadata = false
  @Flag(help: "Stop when the process that started this one ends.")
  package var stopWithParent = false

  @OptionGroup package var accessOptions: AccessOptions

  package init() {}

  /// Long names of the options that a `--config` file may set; `config` itself is none.
  package static let options =
    [
      "service", "node-id", "listen", "management", "bus", "bus-publish", "coordinator", "data",
      "shards", "passivation-timeout", "command-timeout", "owner-timeout", "max-streams",
      "idempotency-retention", "loops", "max-message-bytes", "version-check", "shutdown-grace",
      "ready-file", "log-level", "event-retry-delay", "event-max-retry-delay", "event-failures",
      "event-attempts", "event-poison", "bus-key", "drain-delay",
    ] + HTTPOptions.options + CORSOptions.options + TLSOptions.names + ListenerOptions.names
    + AccessOptions.names + ReplicationOptions.names + ScrubOptions.names
  /// Likewise, of what is on or off.
  package static let flags =
    ["pass-metadata", "stop-with-parent"] + HTTPOptions.flags + CORSOptions.flags

  /// What was typed, behind the settings of the `--config` file it names, so that what was typed wins.
  ///
  /// - Parameter more: long names of the program's own options that the file may set, too.
  /// - Throws: ``ProgramError`` for a file that cannot be read or is wrong, naming each line.
  package static func withConfigFile(
    _ typed: [String], options more: [String] = []
  ) throws(ProgramError) -> [String] {
    try CommandLineKit.withConfigFile(typed, options: options + more, flags: flags)
  }
}
