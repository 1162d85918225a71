import ArgumentParser
import CloudstateModel
import CommandLineKit

/// `cs-admin scale`: what the autoscaler decides, and why.
struct ScaleCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scale",
    abstract: "Shows what the autoscaler decides and why; decides again from a recording.",
    discussion: """
      EXAMPLES
        cs-admin scale status
        cs-admin scale history --limit 5
        cs-admin scale replay coordinator/autoscaler/cart-*.jsonl
      """,
    subcommands: [
      ScaleStatusCommand.self, ScaleHistoryCommand.self, ScaleReplayCommand.self,
    ],
    defaultSubcommand: ScaleStatusCommand.self)
}

/// `cs-admin scale status`.
struct ScaleStatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Shows where the autoscalers stand, with the load they see.",
    discussion: """
      EXAMPLES
        cs-admin scale status
        cs-admin scale status -o json | jq '.services[].latest.reason'

      EXIT STATUS
        0 shown   2 wrong argument   3 the coordinator does not answer   5 no service is scaled
      """)

  @OptionGroup var options: ClusterOptions

  func run() async throws {
    let answer = try await options.client().get("/scale")
    let services = try answer.decoded(ScaleDocument.self).services
    guard !services.isEmpty else {
      // Who reads JSON gets a document whatever it says.
      if try options.outputOptions.format() != .text { try options.print(answer) { "" } }
      throw ProgramError(
        "no service is scaled by this coordinator", hint: "cs-coordinator --autoscale SERVICE",
        status: .notFound)
    }
    try options.print(answer) { services.map(\.text).joined(separator: "\n") }
  }
}

/// `cs-admin scale history`.
struct ScaleHistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history",
    abstract: "Lists the newest decisions to change something, the newest first.",
    discussion: """
      EXAMPLES
        cs-admin scale history
        cs-admin scale history --limit 100 -o json | jq '.decisions[] | {at, members, wanted, reason}'

      EXIT STATUS
        0 listed   2 wrong argument   3 the coordinator does not answer
      """)

  @Option(help: "So many, up to 1000; the coordinator keeps the newest 200 of each service.")
  var limit = 20
  @OptionGroup var options: ClusterOptions

  func validate() throws {
    guard (1...1000).contains(limit) else { throw ValidationError("--limit must be 1 to 1000") }
  }

  func run() async throws {
    let answer = try await options.client().get("/scale/history?limit=\(limit)")
    try options.print(answer) {
      let decisions = try answer.decoded(ScaleHistoryDocument.self).decisions
      return decisions.isEmpty
        ? "nothing was decided yet" : decisions.map(\.line).joined(separator: "\n")
    }
  }
}

extension ServiceScaleDocument {
  fileprivate var text: String {
    var lines = ["service \(service) is \(state)"]
    if let scale, let ready {
      lines.append("  the scaler reports \(ready) ready nodes, and \(scale) that are asked for")
    } else {
      lines.append("  the scaler has not reported")
    }
    if let scalerFailure { lines.append("  the scaler failed: \(scalerFailure)") }
    if !leaving.isEmpty { lines.append("  leaving: \(leaving.joined(separator: ", "))") }
    if let latest {
      lines.append(
        "  load of each of \(latest.settledMembers) nodes: \(latest.functionConcurrency) commands at the "
          + "function, \(latest.requestConcurrency) requests, \(latest.storeConcurrency) at the store, "
          + "\(latest.requestRate) requests per second")
      lines.append("  \(latest.line)")
    }
    return lines.joined(separator: "\n")
  }
}

extension ScaleDecisionDocument {
  /// On one line, for people.
  var line: String {
    let what =
      switch action {
      case "scaleUp": "up from \(members) to \(wanted)"
      case "scaleDown": "down from \(members) to \(wanted)"
      case "requestAgain": "\(wanted) asked for again"
      default: "stay at \(members)"
      }
    return "\(at)  \(service)  \(what)  \(reason)"
  }
}
