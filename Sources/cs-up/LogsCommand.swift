import ArgumentParser
import CommandLineKit
import Launcher

/// `cs-up logs`: shows what the processes of a topology wrote, also after it has stopped.
struct LogsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logs", abstract: "Show logs of a topology's processes.",
    discussion: """
      EXAMPLES
        cs-up logs topology.yaml                  the last lines of each log
        cs-up logs -f topology.yaml cart-1        follow one process
        cs-up logs -n 5000 --data data cart-1     more of one
      """)

  @Argument(
    help: ArgumentHelp(
      "Topology file, unless --data is given; then names of processes.", valueName: "file|name"))
  var words: [String] = []

  @Flag(name: .shortAndLong, help: "Go on with new lines until Ctrl-C or the topology stops.")
  var follow = false

  @Option(
    name: [.customShort("n"), .customLong("tail")],
    help: "How many of the last lines of each log.")
  var tail = 200

  @OptionGroup var location: LocationOptions
  @OptionGroup var outputOptions: OutputOptions

  func validate() throws {
    if tail < 0 { throw ValidationError("--tail cannot be negative") }
  }

  func run() throws {
    let file = location.data == nil ? words.first : nil
    let names = location.data == nil ? Array(words.dropFirst()) : words
    let layout = try location.layout(file)
    let format = try outputOptions.format()
    let console = outputOptions.console
    var reader = try LogReader(layout: layout, names: names)
    let width = reader.nameWidth
    func show(_ line: LogReader.Line) throws {
      switch format {
      case .text:
        let blanks = String(repeating: " ", count: width - line.process.count)
        let prefix = console.styledOutput("\(line.process)\(blanks) |", .dim)
        try console.output("\(prefix) \(line.text)")
      case .json, .jsonl:
        let json = JSONText.object([
          ("process", .string(line.process)), ("line", .string(line.text)),
        ])
        try console.output(json.compact)
      }
    }
    for line in reader.existing(tail: tail) { try show(line) }
    if follow { try reader.follow { try show($0) } }
  }
}
