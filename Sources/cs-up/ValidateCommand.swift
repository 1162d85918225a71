import ArgumentParser
import CommandLineKit
import Launcher
import SettingsReading

/// `cs-up validate`: checks topology files without starting anything.
struct ValidateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "validate", abstract: "Check topology files and report every mistake.")

  @Argument(help: "Topology files.")
  var files: [String]

  @OptionGroup var location: LocationOptions
  @OptionGroup var outputOptions: OutputOptions

  func run() throws {
    let console = outputOptions.console
    let format = try outputOptions.format()
    var problems: [String] = []
    for file in files {
      let result = try readTopology(file, programs: try location.programs())
      if case .failure(let invalid) = result { problems.append(invalid.description) }
      switch format {
      case .text:
        if case .success(let topology) = result {
          let services = topology.services.map { "\($0.name) x \($0.nodes)" }
          try console.output("\(file): ok (\(services.joined(separator: ", ")))")
        }
      case .json: try console.output(json(file, result).pretty)
      case .jsonl: try console.output(json(file, result).compact)
      }
    }
    if !problems.isEmpty {
      throw ProgramError(problems.joined(separator: "\n"), status: .usage)
    }
  }

  private func json(_ file: String, _ result: Result<Topology, InvalidSettings>) -> JSONText {
    switch result {
    case .success(let topology):
      let services = topology.services.map {
        JSONText.object([("name", .string($0.name)), ("nodes", .integer(Int64($0.nodes)))])
      }
      return .object([
        ("file", .string(file)), ("valid", true), ("name", .string(topology.name)),
        ("services", .array(services)),
      ])
    case .failure(let invalid):
      let problems = invalid.problems.map {
        JSONText.object([
          ("line", .integer(Int64($0.location.line))),
          ("column", .integer(Int64($0.location.column))), ("message", .string($0.message)),
        ])
      }
      return .object([("file", .string(file)), ("valid", false), ("problems", .array(problems))])
    }
  }
}
