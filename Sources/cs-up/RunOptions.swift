import ArgumentParser
import CommandLineKit
import Launcher
import SettingsReading

/// Options of commands that tell a running topology to do something.
struct RunOptions: ParsableArguments {
  @OptionGroup var location: LocationOptions
  @OptionGroup var outputOptions: OutputOptions

  init() {}

  init(location: LocationOptions, outputOptions: OutputOptions) {
    self.location = location
    self.outputOptions = outputOptions
  }

  /// Asks the supervisor of the run and prints its answer.
  ///
  /// - Parameters:
  ///   - file: the topology file; without it and `--data`, the one topology that runs.
  ///   - limit: the longest wait for the answer.
  func ask(
    _ request: ControlRequest, file: String?, within limit: Duration = .seconds(10)
  ) throws {
    let format = try outputOptions.format()
    let control = RunControl(layout: try location.runningLayout(file))
    let console = outputOptions.console
    var activity: String?
    let answer = try control.ask(request, within: limit) {
      let now = (try? control.state())?.activity
      if let now, now != activity { console.info(now) }
      activity = now
    }
    switch format {
    case .text: console.info(answer.message)
    case .json: try console.output(answer.json.pretty)
    case .jsonl: try console.output(answer.json.compact)
    }
  }
}
