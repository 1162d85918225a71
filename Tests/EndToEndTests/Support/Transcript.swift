import Foundation
import TestSupport

/// A command in an article, and what it prints according to it. They stand in blocks fenced as `console`: a
/// command follows `$ `, goes on behind a `\` or `|` at the end of a line, and what it prints stands below it.
struct TranscribedCommand: Hashable {
  let line: Int
  let command: String
  let output: String

  /// All commands of an article of this repository, in order.
  static func all(in article: String) throws -> [TranscribedCommand] {
    let text = try String(contentsOfFile: "\(repositoryFolder)/\(article)", encoding: .utf8)
    var commands: [TranscribedCommand] = []
    var block: [(number: Int, line: String)]?
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      if line == "```console" {
        block = []
      } else if line == "```", let lines = block {
        commands += Self.commands(in: lines)
        block = nil
      } else {
        block?.append((index + 1, String(line)))
      }
    }
    return commands
  }

  private static func commands(in lines: [(number: Int, line: String)]) -> [TranscribedCommand] {
    var commands: [TranscribedCommand] = []
    var rest = lines[...]
    while let (number, first) = rest.popFirst() {
      guard first.hasPrefix("$ ") else { continue }
      var command = String(first.dropFirst(2))
      while command.hasSuffix("\\") || command.hasSuffix("|"), let next = rest.popFirst() {
        command += "\n" + next.line
      }
      var output: [String] = []
      while let next = rest.first, !next.line.hasPrefix("$ ") {
        output.append(next.line)
        rest.removeFirst()
      }
      commands.append(
        TranscribedCommand(
          line: number, command: command, output: output.joined(separator: "\n")))
    }
    return commands
  }

  /// What it prints when it is run, without the end of the last line and without carriage returns.
  ///
  /// - Parameter addresses: where the servers of the article are really.
  func run(addresses: [String: String]) async throws -> String {
    let real = addresses.reduce(command) {
      $0.replacingOccurrences(of: $1.key, with: $1.value)
    }
    let result = try await runProgram("/bin/sh", ["-c", real])
    var output = (result.talk + result.output).replacingOccurrences(of: "\r", with: "")
    while output.hasSuffix("\n") { output.removeLast() }
    return output
  }
}
