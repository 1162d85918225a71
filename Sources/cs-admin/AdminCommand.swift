import ArgumentParser
import CommandLineKit

/// `cs-admin`: looks into a cluster, and changes it.
struct AdminCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cs-admin",
    abstract: "Looks into a running cluster and its settings.",
    discussion: """
      EXAMPLES
        cs-admin auth token ada --group support
        cs-admin auth check cs.cmd.cart.AddItem --as ada --access Config/access.yaml
        cs-admin keys bus bus.key
        cs-admin auth check 'cs.evt.cart.>' --as ada --server 127.0.0.1:9000

      EXIT STATUS
        0 done, or allowed   2 wrong argument or file   5 no such service
        1 another failure    3 unreachable              6 denied
      """,
    version: programVersion,
    subcommands: [AuthCommand.self, KeysCommand.self])
}
