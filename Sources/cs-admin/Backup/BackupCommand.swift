import ArgumentParser
import Backup
import CommandClient
import CommandLineKit

/// `cs-admin backup`: copies of a running service's data.
struct BackupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Makes and checks backups of a running service.",
    discussion: """
      EXAMPLES
        cs-admin backup --to nightly --server 127.0.0.1:9000
            a backup of the service, or what is new since the last one in the folder

        cs-admin backup verify nightly
            reads every byte of it

      cs-admin restore brings one back. The article Backup tells what is in a backup and what is not.
      """,
    subcommands: [BackupMakeCommand.self, BackupVerifyCommand.self],
    defaultSubcommand: BackupMakeCommand.self)
}

/// `cs-admin backup --to FOLDER`.
struct BackupMakeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "make",
    abstract: "Makes a backup of a running service.",
    discussion: """
      EXAMPLES
        cs-admin backup --to nightly --server 127.0.0.1:9000,127.0.0.1:9001
        cs-admin backup --to nightly --rate 20000000 -o json

      The nodes go on meanwhile. Everything that was acknowledged before the command began is in the backup; of \
      each shard everything up to one position, so that it is the state of one moment. Into a folder that has a \
      backup already only what is new is fetched. A backup that was interrupted is taken up by the same command, \
      and the one before it stays whole until the new one is.
      Needs the rights 'admin cs.admin.data.describe' and 'admin cs.admin.data.backup'; without access rules, a \
      connection from a node's own machine.

      EXIT STATUS
        0 made               2 wrong argument   6 denied
        1 another failure    3 unreachable      7 the folder is in use or holds something else
      """)

  @Option(
    help: ArgumentHelp("The folder to make it in.", valueName: "folder"), completion: .directory)
  var to: String
  @Option(help: ArgumentHelp("Shards fetched at the same time.", valueName: "count"))
  var concurrency = 4
  @Option(help: ArgumentHelp("Bytes a second at most; default: no limit.", valueName: "bytes"))
  var rate: Int?
  @Option(help: "How long nobody may answer for a shard before giving up.")
  var patience: Duration = .seconds(60)
  @OptionGroup var options: GlobalOptions

  func validate() throws {
    if !(1...64).contains(concurrency) { throw ValidationError("--concurrency is 1 to 64") }
    if let rate, rate < 1000 { throw ValidationError("--rate is at least 1000 bytes a second") }
  }

  func run() async throws {
    let format = try options.format()
    var settings = BackupRun.Settings(folder: to)
    settings.concurrency = concurrency
    settings.rate = rate
    settings.patience = patience
    let console = options.console
    let summary = try await BackupRun(ClientSession(options), settings, console: console).run()
    switch format {
    case .text: try console.output(summary.text(to: to))
    case .json: try console.output(summary.json(to: to).pretty)
    case .jsonl: try console.output(summary.json(to: to).compact)
    }
    console.info("check it with: cs-admin backup verify \(to)")
  }
}

/// `cs-admin backup verify FOLDER`.
struct BackupVerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Reads every byte of a backup and compares it with its checksums.",
    discussion: """
      EXAMPLES
        cs-admin backup verify nightly
        cs-admin backup verify nightly -o json | jq .sound

      Asks no node. All damage is named, not only the first.

      EXIT STATUS
        0 sound   1 damaged   5 no finished backup
      """)

  @Argument(help: "The folder of the backup.", completion: .directory) var folder: String
  @OptionGroup var outputOptions: OutputOptions

  func run() throws {
    let format = try outputOptions.format()
    let found: BackupVerification
    do throws(BackupError) {
      found = try BackupVerification(of: folder)
    } catch {
      throw error.programError
    }
    let console = outputOptions.console
    switch format {
    case .text: try console.output(found.text)
    case .json: try console.output(found.json.pretty)
    case .jsonl: try console.output(found.json.compact)
    }
    for name in found.leftOver {
      console.info("\(folder)/\(name) is left from a backup that was not finished")
    }
    for problem in found.problems { console.error(problem.text) }
    guard found.isSound else {
      console.hint("what is sound can be kept by a new backup into another folder")
      throw ExitCode(ExitStatus.failure.rawValue)
    }
  }
}
