import ArgumentParser
import CloudstateModel
import CommandLineKit

/// `cs-admin plan`: what moves, why, and what it costs.
struct PlanCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Shows plans and rebalances; approves or aborts one.",
    discussion: """
      EXAMPLES
        cs-admin plan show
        cs-admin plan dry-run
        cs-admin plan history --limit 5
        cs-admin plan approve 7
        cs-admin plan abort
        cs-admin plan rebalance
      """,
    subcommands: [
      PlanShowCommand.self, PlanDryRunCommand.self, PlanHistoryCommand.self,
      PlanApproveCommand.self, PlanAbortCommand.self, PlanRebalanceCommand.self,
    ],
    defaultSubcommand: PlanShowCommand.self)
}

/// `cs-admin plan show`.
struct PlanShowCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Shows the plan in force and the newest rebalance.",
    discussion: """
      EXAMPLES
        cs-admin plan show
        cs-admin plan show -o json | jq .rebalance.state

      EXIT STATUS
        0 shown   2 wrong argument   3 the coordinator does not answer
      """)

  @OptionGroup var options: ClusterOptions

  func run() async throws {
    let answer = try await options.client().get("/plan")
    let document = try answer.decoded(PlanDocument.self)
    try options.print(answer) {
      var lines = [document.plan.line]
      for move in document.moves {
        lines.append(
          "  moving \(move.shard) from \(move.source) to \(move.target), \(humanBytes(move.bytes)): "
            + move.phase)
      }
      if let rebalance = document.rebalance {
        lines += ["", rebalance.line, table(rebalance.steps)]
      }
      return lines.joined(separator: "\n")
    }
    if let rebalance = document.rebalance, rebalance.state == "proposed" {
      options.console.info("to let it run: cs-admin plan approve \(rebalance.id)")
    }
  }
}

/// `cs-admin plan dry-run`.
struct PlanDryRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dry-run",
    abstract: "Shows what a rebalance made now would do, and does nothing.",
    discussion: """
      EXAMPLES
        cs-admin plan dry-run

      EXIT STATUS
        0 shown   2 wrong argument   3 the coordinator does not answer
      """)

  @OptionGroup var options: ClusterOptions

  func run() async throws {
    let answer = try await options.client().get("/plan/dry-run")
    try options.print(answer) {
      let steps = try answer.decoded(DryRunDocument.self).steps
      return steps.isEmpty ? "nothing would change" : table(steps)
    }
  }
}

/// `cs-admin plan history`.
struct PlanHistoryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history",
    abstract: "Lists the newest plans and rebalances, the newest first.",
    discussion: """
      EXAMPLES
        cs-admin plan history
        cs-admin plan history -o json | jq '.rebalances[0].steps[] | {shard, bytes, pauseMilliseconds}'
        cs-admin plan history --limit 100 --before 1200
            older plans

      The coordinator keeps the newest 1000 plans (128 with etcd) and 200 rebalances. An answer has the newest 20
      rebalances at most, and none with --before.

      EXIT STATUS
        0 listed   2 wrong argument   3 the coordinator does not answer
      """)

  @Option(help: "So many plans, up to 1000.") var limit = 20
  @Option(help: ArgumentHelp("Only plans with lower numbers than this.", valueName: "plan"))
  var before: UInt64?
  @OptionGroup var options: ClusterOptions

  func validate() throws {
    guard (1...1000).contains(limit) else { throw ValidationError("--limit must be 1 to 1000") }
    if before == 0 { throw ValidationError("--before must be a plan's number; the first is 1") }
  }

  func run() async throws {
    let cursor = before.map { "&before=\($0)" } ?? ""
    let answer = try await options.client().get("/plan/history?limit=\(limit)\(cursor)")
    let history = try answer.decoded(PlanHistoryDocument.self)
    try options.print(answer) {
      let rebalances = history.rebalances.map(\.line)
      return (history.plans.map(\.line) + (rebalances.isEmpty ? [] : [""]) + rebalances)
        .joined(separator: "\n")
    }
    if let oldest = history.plans.last?.number, oldest > 1, history.plans.count == limit {
      options.console.info("older plans: cs-admin plan history --before \(oldest)")
    }
  }
}

/// `cs-admin plan approve NUMBER`.
struct PlanApproveCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "approve",
    abstract: "Lets the proposed rebalance run.",
    discussion: """
      EXAMPLES
        cs-admin plan show
        cs-admin plan approve 7

      Only the rebalance of this number is approved, as plan show and status have it: what was looked at, and nothing
      that was proposed since. When the cluster changes another one, with another number, takes the place of what is
      proposed. Without an answer, give the command again: what runs or is done already counts as approved.

      EXIT STATUS
        0 approved   5 none is proposed, or none has this number   7 another one is proposed, it was aborted, or without
        2 wrong argument, or no number while one is proposed         a number: one runs already
        3 the coordinator does not answer
      """)

  @Argument(help: ArgumentHelp("The number of the rebalance.", valueName: "number"))
  var number: UInt64?
  @OptionGroup var options: ClusterOptions

  func run() async throws {
    guard let number else { throw try await question() }
    try await options.change("/plan/approve/\(number)")
  }

  /// Nothing tells that what is proposed now is what was looked at.
  private func question() async throws -> ProgramError {
    let plan = try await options.client().get("/plan").decoded(PlanDocument.self)
    guard let rebalance = plan.rebalance, ["proposed", "running"].contains(rebalance.state) else {
      return ProgramError("no rebalance is proposed", status: .notFound)
    }
    guard rebalance.state == "proposed" else {
      return ProgramError("rebalance \(rebalance.id) is running already", status: .conflict)
    }
    return ProgramError(
      "which rebalance? Number \(rebalance.id) is proposed; cs-admin plan show has it",
      hint: "cs-admin plan approve \(rebalance.id)", status: .usage)
  }
}

/// `cs-admin plan abort`.
struct PlanAbortCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "abort",
    abstract: "Ends the rebalance that is proposed or running.",
    discussion: """
      EXAMPLES
        cs-admin plan abort
        cs-admin plan abort 7

      What was moved stays; moves that have not changed the primary yet are taken back. The next change of membership
      leads to another rebalance, and so does cs-admin plan rebalance. With a number only the rebalance of this number
      is ended.

      EXIT STATUS
        0 aborted   5 there is none   7 the rebalance of this number is done, or another one is the newest
        2 wrong argument              3 the coordinator does not answer
      """)

  @Argument(
    help: ArgumentHelp(
      "The number of the rebalance; default: whichever is proposed or running.",
      valueName: "number"))
  var number: UInt64?
  @OptionGroup var options: ClusterOptions

  func run() async throws {
    try await options.change("/plan/abort\(number.map { "/\($0)" } ?? "")")
  }
}

/// `cs-admin plan rebalance`.
struct PlanRebalanceCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rebalance",
    abstract: "Places shards anew now, where that brings something.",
    discussion: """
      EXAMPLES
        cs-admin plan dry-run && cs-admin plan rebalance

      A rebalance comes by itself after a join, a drain or a loss. This is for afterwards: when one was aborted or has
      given a move up, or when some shards have become busier than others.

      EXIT STATUS
        0 asked for   7 one is proposed or running   2 wrong argument   3 the coordinator does not answer
      """)

  @OptionGroup var options: ClusterOptions

  func run() async throws { try await options.change("/plan/rebalance") }
}

// MARK: Words

private func table(_ steps: [StepDocument]) -> String {
  var table = TextTable([
    ("SHARD", .left), ("STEP", .left), ("FROM", .left), ("TO", .left), ("EXPECTED", .right),
    ("PAUSE", .right), ("STATE", .left), ("COPIED", .right), ("PAUSED", .right), ("TOOK", .right),
  ])
  for step in steps {
    table.add(
      step.shard, step.action, step.source ?? "-", step.target ?? "-",
      step.action == "remove" ? "-" : humanBytes(step.expectedBytes),
      step.action == "move" ? "\(step.expectedPauseMilliseconds) ms" : "-",
      step.outcome.map { "\(step.state): \($0)" } ?? step.state,
      step.bytes.map(humanBytes) ?? "-", step.pauseMilliseconds.map { "\($0) ms" } ?? "-",
      step.seconds.map { "\($0) s" } ?? "-")
  }
  return table.text
}

extension PlanSummary {
  fileprivate var line: String { "plan \(number)  \(createdAt)  \(reason)" }
}

extension RebalanceDocument {
  fileprivate var line: String {
    "rebalance \(id)  \(createdAt)  \(state)  \(reason)  (\(summary))"
  }
}
