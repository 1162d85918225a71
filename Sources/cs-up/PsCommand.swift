import ArgumentParser
import CommandLineKit
import Launcher

/// `cs-up ps`: shows the processes of a running topology.
struct PsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ps", abstract: "Show the processes of a running topology.")

  @Argument(help: "Topology file; or use --data. Default: the one topology that runs.")
  var file: String?

  @OptionGroup var location: LocationOptions
  @OptionGroup var outputOptions: OutputOptions

  func run() throws {
    let state = try RunControl(layout: try location.runningLayout(file)).state()
    let console = outputOptions.console
    switch try outputOptions.format() {
    case .text:
      console.info("\(state.name): \(state.phase.rawValue), process \(state.pid), \(state.data)")
      try console.output(state.table(console: console))
    case .json: try console.output(state.json.pretty)
    case .jsonl: try console.output(state.json.compact)
    }
  }
}
