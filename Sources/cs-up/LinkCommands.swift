import ArgumentParser
import CommandLineKit
import Launcher

extension ControlRequest.Direction: ExpressibleByArgument {}

/// `cs-up partition`: cuts a member off from the bus.
struct PartitionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "partition",
    abstract: "Cut a node or the coordinator off from the others (chaos: true).",
    discussion: """
      Works without any right: the topology says chaos: true, and its bus goes through relays in cs-up.
      Clients still reach the node. What is sent meanwhile is held up, as by a network that lost its way.

      EXAMPLES
        cs-up partition cart-2                           from everybody
        cs-up partition cart-2 --peer coordinator        from the coordinator alone
        cs-up partition cart-2 --direction in            it hears nothing and is heard
        cs-up heal cart-2                                everything sent meanwhile arrives
        cs-up heal cart-2 --drop                         ... or is lost
      """)

  @Option(help: "Only towards this node or coordinator; repeatable.") var peer: [String] = []
  @Option(help: "in (it hears nothing), out (it is not heard) or both.")
  var direction = ControlRequest.Direction.both
  @OptionGroup var process: ProcessOptions

  func run() throws {
    var request = ControlRequest(verb: .partition, name: process.name)
    request.peers = peer.isEmpty ? nil : peer
    request.direction = direction
    try process.run.ask(request, file: process.file)
  }
}

/// `cs-up heal`: takes back what `partition` did.
struct HealCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "heal", abstract: "Join again what partition has cut off.",
    discussion: """
      EXAMPLES
        cs-up heal cart-2                                what was held up arrives
        cs-up heal cart-2 --drop                         ... or is lost
        cs-up heal cart-2 --peer cart-1                  to the others it stays cut off
        cs-up heal --all                                 everything
      """)

  @Argument(help: "Node or coordinator; with --all: the topology file.") var name: String?
  @Argument(help: "Topology file; or use --data. Default: the one topology that runs.")
  var file: String?
  @Flag(help: "Heal everything.") var all = false
  @Flag(help: "End what was held up, so that it is lost.") var drop = false
  @Option(help: "Only towards this node or coordinator; repeatable.") var peer: [String] = []
  @OptionGroup var options: RunOptions

  func validate() throws {
    if !all && name == nil { throw ValidationError("heal what? name a node, or use --all") }
    if all && !peer.isEmpty { throw ValidationError("--all and --peer exclude each other") }
    if all && file != nil { throw ValidationError("--all needs no name of a node") }
  }

  func run() throws {
    var request = ControlRequest(verb: .heal, name: all ? nil : name)
    request.peers = peer.isEmpty ? nil : peer
    request.drops = drop
    try options.ask(request, file: all ? name : file)
  }
}
