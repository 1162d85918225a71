import ArgumentParser
import CloudstateModel
import ClusterControl
import CommandLineKit
import FoundationEssentials

/// `cs-admin scale replay`.
struct ScaleReplayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Decides again from recordings of an autoscaler, also with other settings.",
    discussion: """
      EXAMPLES
        cs-admin scale replay coordinator/autoscaler/cart-1764158000000.jsonl
        cs-admin scale replay --all cart-*.jsonl | less
        cs-admin scale replay --set targetFunctionConcurrency=2 --set window=30000 cart-*.jsonl

      With the recorded settings the decisions must be the recorded ones; where they are not, the recording was
      changed or is of another version. With other settings the load is the recorded one all the same, as if a change of
      scale did not change it.

      EXIT STATUS
        0 replayed   1 a recorded decision was not made again, or a file is damaged   2 wrong argument
        5 no such file
      """)

  @Argument(help: "Recordings of one service, in their order.") var files: [String]
  @Option(
    help: ArgumentHelp(
      "Another setting, by its name in the recording; times in milliseconds. Repeat it.",
      valueName: "name=value"))
  var set: [String] = []
  @Flag(help: "Also decisions to stay.") var all = false
  @OptionGroup var outputOptions: OutputOptions

  func run() throws {
    var lines: [String] = []
    for file in files {
      let data: Data
      do {
        data = try Data(contentsOf: URL(filePath: file))
      } catch {
        throw ProgramError("\(file) cannot be read: \(error)", status: .notFound)
      }
      // A line without an end is one that was being written.
      let whole = data.prefix(data.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0)
      lines += whole.split(separator: UInt8(ascii: "\n")).map {
        String(decoding: $0, as: UTF8.self)
      }
    }
    let settings = try changedSettings(of: lines)
    let replay: AutoscalerReplay
    do throws(ClusterError) {
      replay = try AutoscalerReplay(lines, settings: settings)
    } catch {
      throw ProgramError(
        error.message, status: error.code == .invalidConfiguration ? .usage : .failure)
    }
    try show(replay)
    guard settings == nil, let first = replay.differences.first else { return }
    throw ProgramError(
      "\(replay.differences.count) recorded decisions were not made again, the first in line \(first)",
      hint: "a cs-admin of the version that recorded")
  }

  private func show(_ replay: AutoscalerReplay) throws {
    let decisions = replay.decisions.filter { all || $0.action != .stay }
      .map(ScaleDecisionDocument.init)
    let console = outputOptions.console
    let format = try outputOptions.format()
    switch format {
    case .text:
      if !decisions.isEmpty { try console.output(decisions.map(\.line).joined(separator: "\n")) }
      console.info(
        "\(replay.decisions.count) looks at the load, \(decisions.count) decisions shown")
    case .json, .jsonl:
      let answer = try AdminClient.Answer(ScaleHistoryDocument(decisions: decisions))
      try console.output(answer.json(format))
    }
  }

  /// The recorded settings with those of `--set` in their place; `nil` without `--set`.
  private func changedSettings(of lines: [String]) throws(ProgramError) -> AutoscalerSettings? {
    guard !set.isEmpty else { return nil }
    let start = lines.first { !$0.isEmpty }.flatMap { try? AutoscalerRecord(line: $0) }
    guard case .start(let autoscaler)? = start else {
      throw ProgramError("the first file does not begin with the autoscaler's start")
    }
    do {
      var values = try JSONDecoder().decode(
        [String: Double].self, from: try JSONEncoder().encode(autoscaler.settings))
      for text in set {
        let parts = text.split(separator: "=", maxSplits: 1)
        guard parts.count == 2, let value = Double(parts[1]), value.isFinite,
          values[String(parts[0])] != nil
        else {
          throw ProgramError(
            "--set '\(text)' is not NAME=NUMBER; there are \(values.keys.sorted().joined(separator: ", "))",
            status: .usage)
        }
        values[String(parts[0])] = value
      }
      return try JSONDecoder().decode(
        AutoscalerSettings.self, from: try JSONEncoder().encode(values))
    } catch let error as ProgramError {
      throw error
    } catch {
      throw ProgramError("--set: \(error)", status: .usage)
    }
  }
}
