import ArgumentParser
import CommandLineKit
import Launcher
import SettingsReading

/// `cs-up scale`: changes the number of nodes of a service while it runs.
struct ScaleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scale", abstract: "Start nodes of a service, or drain and stop some.",
    discussion: """
      New nodes take the next numbers, free ports and data folders of their own. Fewer nodes: those with
      the highest numbers hand over their shards first and then stop; nothing is lost, and it takes as
      long as the moves take.

      EXAMPLES
        cs-up scale cart=5
        cs-up scale cart=2 --timeout 30m
      """)

  @Argument(help: "Service and its new number of nodes, such as cart=5.") var service: String
  @Argument(help: "Topology file; or use --data. Default: the one topology that runs.")
  var file: String?
  @Option(help: "The longest wait; what is not done by then is not done.")
  var timeout = Duration.seconds(600)
  @Flag(help: "Return when it is begun; cs-up ps shows how it goes.") var noWait = false
  @OptionGroup var options: RunOptions

  func run() throws {
    let parts = service.split(separator: "=", omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, let count = Int(parts[1]),
      (1...Topology.maximumNodes).contains(count)
    else {
      throw ProgramError(
        "'\(service)' is not SERVICE=NUMBER, with a number from 1 to \(Topology.maximumNodes)",
        hint: "cs-up scale cart=5", status: .usage)
    }
    var request = ControlRequest(verb: .scale)
    request.service = String(parts[0])
    request.nodes = count
    if noWait { request.waits = false }
    request.timeout = timeout.secondsAsDouble
    // The answer comes in time even when the last node takes its time to stop.
    try options.ask(request, file: file, within: timeout + .seconds(60))
  }
}
