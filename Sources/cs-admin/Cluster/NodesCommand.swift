import ArgumentParser
import CloudstateModel
import CommandLineKit

/// `cs-admin nodes`: the members of the cluster.
struct NodesCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nodes",
    abstract: "Lists the nodes.",
    discussion: """
      EXAMPLES
        cs-admin nodes
        cs-admin nodes -o json | jq -r '.nodes[] | select(.liveness == "down") | .node'

      EXIT STATUS
        0 listed   2 wrong argument   3 the coordinator does not answer
      """)

  @OptionGroup var options: ClusterOptions

  func run() async throws {
    let answer = try await options.client().get("/nodes")
    try options.print(answer) {
      var table = TextTable([
        ("NODE", .left), ("SERVICE", .left), ("ZONE", .left), ("STATE", .left),
        ("PRIMARIES", .right), ("REPLICAS", .right), ("PLAN", .right), ("ADDRESS", .left),
      ])
      for node in try answer.decoded(NodesDocument.self).nodes {
        table.add(
          node.node, node.service, node.zone.isEmpty ? "-" : node.zone, node.state,
          "\(node.primaries)", "\(node.replicas)", "\(node.plan)", node.address)
      }
      return table.text
    }
  }
}

extension NodeDocument {
  /// Liveness, and whether it is drained.
  var state: String { draining ? "\(liveness), draining" : liveness }
}

/// `cs-admin top`: what the nodes are doing.
struct TopCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "top",
    abstract: "Shows the load of the nodes, again and again.",
    discussion: """
      EXAMPLES
        cs-admin top
        cs-admin top --interval 1s
        cs-admin top --once
        cs-admin top -o jsonl | jq -c '[.nodes[].commandsPerSecond]'

      Ends with Ctrl-C.

      EXIT STATUS
        0 printed once   2 wrong argument   3 the coordinator does not answer
      """)

  @Flag(help: "Print once and end.") var once = false
  @Option(help: "How long to wait before printing again.") var interval: Duration = .seconds(2)
  @OptionGroup var options: ClusterOptions

  func validate() throws {
    guard interval >= .milliseconds(100) else {
      throw ValidationError("--interval must be at least 100ms")
    }
  }

  func run() async throws {
    let client = try options.client()
    // A terminal shows one table in its place, a file all of them.
    let refreshes =
      try options.outputOptions.format() == .text && options.console.colorsOutput && !once
    while true {
      let answer = try await client.get("/nodes")
      if refreshes { try options.console.output(bytes: Array("\u{1b}[H\u{1b}[2J".utf8)) }
      try options.print(answer) { try text(answer.decoded(NodesDocument.self)) }
      if once { return }
      try await Task.sleep(for: interval)
    }
  }

  private func text(_ document: NodesDocument) -> String {
    var table = TextTable([
      ("NODE", .left), ("STATE", .left), ("PRIMARIES", .right), ("COMMANDS/S", .right),
      ("COMMANDS", .right), ("ENTITIES", .right), ("OPEN CALLS", .right), ("HEARD", .right),
    ])
    for node in document.nodes.sorted(by: { $0.commandsPerSecond > $1.commandsPerSecond }) {
      table.add(
        node.node, node.state, "\(node.primaries)", "\(node.commandsPerSecond)",
        "\(node.commands)", "\(node.activeEntities)", "\(node.openCalls)",
        "\(node.silentMilliseconds) ms ago")
    }
    return table.text
  }
}
