import ArgumentParser
import CommandLineKit

/// `cs-tck`: tests whether user functions and proxies keep the Cloudstate protocol.
struct TCKCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cs-tck",
    abstract: "Tests whether user functions and proxies keep the Cloudstate protocol.",
    discussion: """
      EXAMPLES
        cs-tck 127.0.0.1:8080
        cs-tck --only event-sourced,value-entity
        cs-tck --list
        cs-tck run Config/tck.yaml
        cs-tck run Config/tck.yaml --only crdt --junit tck.xml
        cs-tck check --help

      Without a subcommand it checks a user function that runs: see cs-tck check --help.
      """,
    version: programVersion, subcommands: [CheckCommand.self, RunCommand.self],
    defaultSubcommand: CheckCommand.self)
}
