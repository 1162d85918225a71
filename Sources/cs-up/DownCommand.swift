import ArgumentParser
import CommandLineKit
import Launcher

/// `cs-up down`: stops a topology that runs in the background or in another terminal.
struct DownCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "down", abstract: "Stop a running topology in order.",
    discussion: "A second `down` kills what does not stop.")

  @Argument(help: "Topology file; or use --data. Default: the one topology that runs.")
  var file: String?

  @Option(help: "How long to wait for the end.")
  var timeout = Duration.seconds(60)

  @OptionGroup var location: LocationOptions
  @OptionGroup var outputOptions: OutputOptions

  func run() throws {
    let layout = try location.runningLayout(file)
    let console = outputOptions.console
    let pid = try RunControl(layout: layout).stop(within: timeout)
    let result = JSONText.object([
      ("stopped", true), ("pid", .integer(Int64(pid))), ("data", .string(layout.data)),
    ])
    switch try outputOptions.format() {
    case .text: console.info("stopped (process \(pid))")
    case .json: try console.output(result.pretty)
    case .jsonl: try console.output(result.compact)
    }
  }
}
