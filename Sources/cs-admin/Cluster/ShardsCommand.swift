import ArgumentParser
import CloudstateModel
import CommandLineKit

/// `cs-admin shards`: where each shard lives.
struct ShardsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "shards",
    abstract: "Lists shards; accepts the loss of one.",
    discussion: """
      EXAMPLES
        cs-admin shards
        cs-admin shards list -o json | jq '.shards[] | select(.state != "serving")'
        cs-admin shards accept-loss cart/3
      """,
    subcommands: [ShardListCommand.self, AcceptLossCommand.self],
    defaultSubcommand: ShardListCommand.self)
}

/// `cs-admin shards list`.
struct ShardListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "Lists all shards with their copies.",
    discussion: """
      EXAMPLES
        cs-admin shards
        cs-admin shards --node cart-2
        cs-admin shards -o json

      STATES
        serving            starting: the primary has not said yet that it serves
        moving             under-replicated: fewer in-sync copies than the service wants
        unavailable        the primary is lost, and nobody has taken over

      EXIT STATUS
        0 listed   5 no such node   2 wrong argument   3 the coordinator does not answer
      """)

  @Option(help: "Only shards with a copy on this node.") var node: String?
  @OptionGroup var options: ClusterOptions

  func run() async throws {
    let client = try options.client()
    var answer = try await client.get("/shards")
    if let node { answer = try await only(node, of: answer, client) }
    try options.print(answer) {
      var table = TextTable([
        ("SHARD", .left), ("PRIMARY", .left), ("REPLICAS", .left), ("IN-SYNC", .left),
        ("EPOCH", .right), ("POSITION", .right), ("SIZE", .right), ("STATE", .left),
      ])
      for shard in try answer.decoded(ShardsDocument.self).shards {
        let move = shard.move.map { " to \($0.target), \($0.phase)" } ?? ""
        table.add(
          shard.shard, shard.primary, listed(shard.replicas), listed(shard.inSync),
          "\(shard.epoch)", "\(shard.position)", humanBytes(shard.bytes),
          "\(shard.state.rawValue)\(move)")
      }
      return table.text
    }
  }

  private func only(
    _ node: String, of answer: AdminClient.Answer, _ client: AdminClient
  ) async throws -> AdminClient.Answer {
    let members = try await client.get("/nodes").decoded(NodesDocument.self).nodes.map(\.node)
    guard members.contains(node) else {
      throw ProgramError(
        "there is no node \(node) in the cluster; there is \(listed(members))",
        hint: "cs-admin nodes", status: .notFound)
    }
    var document = try answer.decoded(ShardsDocument.self)
    document.shards.removeAll { $0.primary != node && !$0.replicas.contains(node) }
    return try AdminClient.Answer(document)
  }
}

/// `cs-admin shards accept-loss`.
struct AcceptLossCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "accept-loss",
    abstract: "Lets a shard go on although its last events may be lost.",
    discussion: """
      EXAMPLES
        cs-admin shards accept-loss cart/3
            the copy that has most of the shard becomes primary; what it lacks is lost

        cs-admin shards accept-loss cart/3 --empty --lost cart-1,cart-2
            with no copy left at all, the shard begins anew; all nodes that had one must be named, for what
            they have of it is deleted should they come back

      Only for a shard that is unavailable and has no in-sync copy alive. Start the nodes that have one, if you can:
      then nothing is lost. What was accepted stands in the reason of the plan.

      EXIT STATUS
        0 accepted   5 no such shard   7 nothing is lost, or no copy is alive
        2 wrong argument   3 the coordinator does not answer
      """)

  @Argument(help: ArgumentHelp("SERVICE/INDEX, as cs-admin shards lists it.")) var shard: String
  @Flag(help: "Begin empty if no copy is alive; needs --lost.") var empty = false
  @Option(
    help: ArgumentHelp(
      "With --empty: the nodes that had a copy and are lost for ever.", valueName: "node,..."))
  var lost: String?
  @OptionGroup var options: ClusterOptions

  func validate() throws {
    let parts = shard.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, ServiceName(String(parts[0])) != nil, UInt32(parts[1]) != nil else {
      throw ValidationError("'\(shard)' is no shard, such as cart/3")
    }
    for name in names where NodeID(name) == nil {
      throw ValidationError("--lost: '\(name)' is no legal node name")
    }
    if lost != nil && !empty { throw ValidationError("--lost needs --empty") }
  }

  private var names: [String] { (lost ?? "").split(separator: ",").map(String.init) }

  func run() async throws {
    let query = empty ? "?empty=true&lost=\(names.joined(separator: ","))" : ""
    try await options.change("/shards/\(shard)/accept-loss\(query)")
  }
}
