import ArgumentParser
import CommandLineKit

/// `cs-admin`: looks into a cluster, and changes it.
struct AdminCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cs-admin",
    abstract: "Looks into a running cluster and its settings, and after its data.",
    discussion: """
      EXAMPLES
        cs-admin status
        cs-admin shards
        cs-admin nodes
        cs-admin top
        cs-admin plan show
        cs-admin drain cart-2 --wait
        cs-admin scale status
        cs-admin auth token ada --group support
        cs-admin auth check cs.cmd.cart.AddItem --as ada --access Config/access.yaml
        cs-admin keys bus bus.key
        cs-admin auth check 'cs.evt.cart.>' --as ada --server 127.0.0.1:9000
        cs-admin entity get shopping-cart user1
        cs-admin backup --to nightly
        cs-admin restore --from nightly --data /var/lib/cart

      With -o json a command prints one JSON document, indented; with -o jsonl each document is one line.

      EXIT STATUS
        0 done, or allowed   2 wrong argument or file   5 no such service, node or shard   7 conflict
        1 another failure    3 unreachable              6 denied
        (cs-admin status has its own: see its help)
      """,
    version: programVersion,
    subcommands: [
      StatusCommand.self, ShardsCommand.self, NodesCommand.self, TopCommand.self, PlanCommand.self,
      DrainCommand.self, UndrainCommand.self, ScaleCommand.self, EntityCommand.self,
      BackupCommand.self,
      RestoreCommand.self, DataCommand.self, AuthCommand.self, KeysCommand.self,
    ])
}
