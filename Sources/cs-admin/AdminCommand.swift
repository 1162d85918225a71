import ArgumentParser
import CommandLineKit

/// `cs-admin`: looks into a cluster, and changes it.
struct AdminCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cs-admin",
    abstract: "Looks into a running cluster and its settings.",
    version: programVersion,
    subcommands: [KeysCommand.self])
}
