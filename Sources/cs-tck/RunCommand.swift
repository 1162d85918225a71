import ArgumentParser
import CommandLineKit
import CompatibilityKit

/// `cs-tck run`: starts functions and proxies, and tests them.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Start the functions and proxies of a file, test them, and sum up.",
    discussion: """
      EXAMPLES
        cs-tck run Config/tck.yaml
        cs-tck run Config/tck.yaml --combination python-cart
        cs-tck run Config/tck.yaml -o json --junit tck.xml

      The file names combinations of a user function and a proxy, the suites they are to pass, and \
      cases that are known to fail, each with its reason; Config/tck.yaml is an example with comments. \
      Combinations run one after the other, each with fresh ports and data.

      EXIT STATUS
        0 everything as expected
        1 a case failed that should not, or a known failure passes now
        2 the file or an argument is wrong; nothing was started
        3 a function or a proxy could not be started
      """)

  @Argument(help: ArgumentHelp("The combinations.", valueName: "file.yaml"))
  var file: String

  @Option(help: ArgumentHelp("Only this combination; repeatable.", valueName: "name"))
  var combination: [String] = []

  @Option(
    help: ArgumentHelp(
      "Only these cases, groups or parts; * stands for anything; repeatable.",
      valueName: "pattern"))
  var only: [String] = []

  @Option(help: ArgumentHelp("Also write the results as JUnit XML.", valueName: "file"))
  var junit: String?

  @OptionGroup var options: OutputOptions

  func run() async throws {
    let all = try readCombinations(file)
    let unknown = combination.filter { name in !all.contains { $0.name == name } }
    guard unknown.isEmpty else {
      throw ProgramError(
        "no combination \(unknown.joined(separator: ", ")) in \(file)",
        hint: "one of \(all.map(\.name).joined(separator: ", "))", status: .usage)
    }
    let session = CombinationSession(
      combinations: all.filter { combination.isEmpty || combination.contains($0.name) },
      selection: CaseSelection(only), format: try options.format(), junitPath: junit,
      console: options.console)
    let status = try await session.run()
    if status != .ok { throw ExitCode(status.rawValue) }
  }
}
