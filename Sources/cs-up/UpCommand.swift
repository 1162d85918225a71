import ArgumentParser
import CommandLineKit

/// `cs-up`: starts and watches the processes of a topology.
struct UpCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cs-up",
    abstract: "Runs a topology: coordinator, nodes and user functions.",
    discussion: """
      EXAMPLES
        cs-up Topologies/shopping-cart.yaml             run until Ctrl-C
        cs-up Topologies/shopping-cart.yaml --nodes 5   with five nodes
        cs-up -d Topologies/shopping-cart.yaml          run in the background ...
        cs-up ps Topologies/shopping-cart.yaml          ... see what runs
        cs-up logs -f Topologies/shopping-cart.yaml     ... follow all logs
        cs-up down Topologies/shopping-cart.yaml        ... and stop
        cs-up start --help                              all options of a start

        cs-up scale cart=5                              start two nodes more, while it runs
        cs-up kill cart-2                               see it start again
        cs-up pause cart-2, cs-up resume cart-2         suspend a node for a while
        cs-up partition cart-2, cs-up heal cart-2       cut it off (chaos: true in the topology)

      EXIT STATUS
        0 everything was ready, and stopped when told   5 no such file or run
        1 another failure                               7 in conflict with what runs,
        2 a mistake in the topology or an argument        or with the data
        3 not ready in time, or no answer
      """,
    version: programVersion,
    subcommands: [
      StartCommand.self, DownCommand.self, PsCommand.self, LogsCommand.self, ValidateCommand.self,
      ScaleCommand.self, KillCommand.self, RestartCommand.self, PauseCommand.self,
      ResumeCommand.self, PartitionCommand.self, HealCommand.self,
    ],
    defaultSubcommand: StartCommand.self)
}
