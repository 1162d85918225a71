package import ArgumentParser
import SettingsReading

/// Options about talk and output that every program has.
package struct OutputOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Shape of standard output: text, json or jsonl.", valueName: "format"))
  package var output: OutputFormat?

  @Flag(name: .shortAndLong, help: "Same as --output json.")
  package var json = false

  @Flag(name: .shortAndLong, help: "Only errors on standard error.")
  package var quiet = false

  @Flag(name: .shortAndLong, help: "Details on standard error.")
  package var verbose = false

  @Option(
    help: ArgumentHelp("Colours: auto, always or never; NO_COLOR is honoured.", valueName: "when"))
  package var color: ColorChoice = .auto

  package init() {}

  package func validate() throws {
    if quiet && verbose { throw ValidationError("--quiet and --verbose exclude each other") }
    if json, let output, output != .json {
      throw ValidationError("--json and --output \(output.rawValue) exclude each other")
    }
  }

  /// The chosen format: flag, else `CS_OUTPUT`, else text.
  ///
  /// - Throws: ``ProgramError`` with status `usage` for an unknown `CS_OUTPUT`.
  package func format(
    environment: (String) -> String? = environmentVariable
  ) throws(ProgramError) -> OutputFormat {
    if json { return .json }
    if let output { return output }
    guard let name = environment("CS_OUTPUT") else { return .text }
    guard let format = OutputFormat(rawValue: name) else {
      let known = OutputFormat.allCases.map(\.rawValue)
      throw ProgramError(
        "CS_OUTPUT is '\(name)'; it can be \(known.joined(separator: ", "))",
        hint: nearest(to: name, among: known).map { "CS_OUTPUT=\($0)" }, status: .usage)
    }
    return format
  }

  package var console: Console {
    Console(verbosity: quiet ? .quiet : verbose ? .verbose : .normal, color: color)
  }
}

/// Options of every program that talks to a running topology: those of ``OutputOptions``, which node,
/// and how long to wait.
package struct GlobalOptions: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "Nodes to ask, tried in order, with https:// for TLS; default CS_URL, else 127.0.0.1:9000.",
      valueName: "host:port[,host:port]"))
  package var server: String?

  @Option(help: ArgumentHelp("Longest wait for an answer; default CS_TIMEOUT, else 5s."))
  package var timeout: Duration?

  @OptionGroup package var security: ClientSecurityOptions
  @OptionGroup package var outputOptions: OutputOptions

  package init() {}

  /// Where a topology with default ports has its first node.
  package static let defaultServer = "127.0.0.1:9000"

  /// The nodes to try: `--server`, else `CS_URL`, else ``defaultServer``.
  ///
  /// - Throws: as ``ServerList/init(_:)``.
  package func servers(
    environment: (String) -> String? = environmentVariable
  ) throws(ProgramError) -> ServerList {
    try ServerList(server ?? environment("CS_URL") ?? Self.defaultServer)
  }

  /// How long to wait: `--timeout`, else `CS_TIMEOUT`, else five seconds.
  ///
  /// - Throws: ``ProgramError`` with status `usage` for a malformed `CS_TIMEOUT`.
  package func waitLimit(
    environment: (String) -> String? = environmentVariable
  ) throws(ProgramError) -> Duration {
    if let timeout { return timeout }
    guard let text = environment("CS_TIMEOUT") else { return .seconds(5) }
    do {
      return try Duration(text: text)
    } catch {
      throw ProgramError("CS_TIMEOUT: \(error)", status: .usage)
    }
  }

  /// Shorthand for ``OutputOptions/format(environment:)``.
  package func format() throws(ProgramError) -> OutputFormat { try outputOptions.format() }

  package var console: Console { outputOptions.console }
}
