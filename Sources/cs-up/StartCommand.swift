import ArgumentParser
import CommandLineKit
import Glibc
import Launcher
import SettingsReading

/// `cs-up FILE`: starts a topology and supervises it until it is stopped.
struct StartCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start",
    abstract: "Start a topology (the default), or a process that was kept down.",
    discussion: """
      EXAMPLES
        cs-up start Topologies/shopping-cart.yaml
        cs-up start cart-2                       after cs-up kill cart-2 --keep-down
      """)

  @Argument(
    help: "Topology file; or the process to start again in a running topology.",
    completion: .file(extensions: ["yaml", "yml"]))
  var file: String

  @Argument(help: "After a process: its topology file. Default: the one topology that runs.")
  var topology: String?

  @Option(
    help: ArgumentHelp(
      "Number of nodes of all services, or of one; repeatable.", valueName: "[service=]n"))
  var nodes: [String] = []

  @Flag(name: .shortAndLong, help: "Return when ready and leave it running in the background.")
  var detach = false

  @Option(help: "How long a process may take to become ready.")
  var readyTimeout = SupervisionLimits().readyWithin

  @Option(help: "Log level of nodes and coordinator; default info, with --verbose debug.")
  var logLevel: String?

  @OptionGroup var location: LocationOptions
  @OptionGroup var outputOptions: OutputOptions

  @Option(help: ArgumentHelp("Run as the supervisor of this data folder.", visibility: .private))
  var backgroundData: String?

  func run() throws {
    if isProcess {
      let options = RunOptions(location: location, outputOptions: outputOptions)
      try options.ask(ControlRequest(verb: .start, name: file), file: topology)
      return
    }
    let begin = ContinuousClock.now
    var topology = try location.topology(file)
    for text in nodes { try topology.scale(text) }
    let format = try outputOptions.format()
    if detach {
      try startInBackground(topology, format: format, begin: begin)
      return
    }
    var limits = SupervisionLimits()
    limits.readyWithin = readyTimeout
    let console = outputOptions.console
    let request = LaunchRequest(
      topology: topology, programs: try location.programs(), layout: try layout(of: topology),
      logLevel: logLevel ?? (outputOptions.verbose ? "debug" : "info"), limits: limits,
      console: console, relaysLines: backgroundData == nil)
    try launch(request) { state in
      guard backgroundData == nil else { return }
      announce(state, after: ContinuousClock.now - begin, format: format)
    }
  }

  /// Whether a process is meant: a name that is no file and does not look like one.
  private var isProcess: Bool {
    let name = file.hasSuffix("/function") ? String(file.dropLast("/function".count)) : file
    return topology != nil || (Topology.isProcessName(name) && access(file, F_OK) != 0)
  }

  private func layout(of topology: Topology) throws(ProgramError) -> RunLayout {
    if let backgroundData { return RunLayout(data: backgroundData) }
    return try LocationOptions.layout(of: topology)
  }

  private func startInBackground(
    _ topology: Topology, format: OutputFormat, begin: ContinuousClock.Instant
  ) throws {
    let layout = try LocationOptions.layout(of: topology)
    var arguments = ["start", file, "--background-data", layout.data]
    arguments += ["--ready-timeout", readyTimeout.text, "--color", "never"]
    arguments += ["--bin", try location.programs()]
    arguments += nodes.flatMap { ["--nodes", $0] }
    if let logLevel { arguments += ["--log-level", logLevel] }
    if let data = location.data { arguments += ["--data", data] }
    if location.ephemeral { arguments.append("--ephemeral") }
    if outputOptions.verbose { arguments.append("--verbose") }
    let result = try Background(layout: layout).start(
      arguments: arguments, console: outputOptions.console)
    switch result {
    case .ready(let state):
      announce(state, after: ContinuousClock.now - begin, format: format)
    case .ended(let code):
      // The supervisor has told why.
      throw ExitCode(code == 0 ? ExitStatus.interrupted.rawValue : code)
    }
  }

  /// A reader who closed standard output does not want to know; the topology runs on.
  private func announce(_ state: RunState, after time: Duration, format: OutputFormat) {
    let console = outputOptions.console
    switch format {
    case .text:
      try? console.output(state.summary(after: time, isDetached: detach, console: console))
    case .json: try? console.output(state.json.pretty)
    case .jsonl: try? console.output(state.json.compact)
    }
  }
}
