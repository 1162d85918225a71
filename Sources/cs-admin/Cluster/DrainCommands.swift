import ArgumentParser
import CloudstateModel
import CommandClient
import CommandLineKit

/// `cs-admin drain`: takes a node out of work.
struct DrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drain",
    abstract: "Moves all shards of a node to others, without a command lost.",
    discussion: """
      EXAMPLES
        cs-admin drain cart-2 --wait && systemctl stop cs-node
        cs-admin drain cart-2 --wait --within 10m

      The node stays a member and gets no shard until cs-admin undrain, also over a restart; once it is down and holds
      nothing it is forgotten. It is refused where too few nodes would remain for the copies that are wanted of each
      shard. What cannot be moved, such as a shard whose commands take too long, is tried again after pauses of up to
      30 s, until cs-admin plan abort ends that; to ask for the drain again goes on with it.
      While coordinators elect a leader, or one is started again, --wait goes on: until --within is over, or for 30 s
      without it. Ctrl-C ends the wait, not the draining.

      EXIT STATUS
        0 drained, or (without --wait) noted   5 no such node   3 the coordinator does not answer, or --within is over
        2 wrong argument   130 interrupted     7 too few nodes would remain; with --wait also: the node keeps shards,
                                                 for cs-admin plan abort or undrain has ended it, or no node can
                                                 take them
      """)

  @Argument(help: "The node's name.") var node: String
  @Flag(help: "Wait until the node holds nothing.") var wait = false
  @Flag(help: "Also where fewer copies than wanted would remain.") var force = false
  @Option(help: "With --wait: no longer than this; default: as long as it takes.")
  var within: Duration?
  @OptionGroup var options: ClusterOptions

  func validate() throws {
    guard NodeID(node) != nil else { throw ValidationError("'\(node)' is no legal node name") }
    if within != nil && !wait { throw ValidationError("--within needs --wait") }
  }

  func run() async throws {
    try await options.change("/drain/\(node)\(force ? "?force=true" : "")")
    guard wait else { return }
    let (node, within, console, client) = (node, within, options.console, try options.client())
    do {
      try await runUntilInterrupted {
        try await Self.waitUntilEmpty(
          DrainWatch(node: node, within: within, from: .now), client, console)
      }
      console.info("node \(node) holds nothing any more")
    } catch is CancellationError {
      throw ProgramError(
        "interrupted; the draining of node \(node) goes on, unless it is taken back",
        hint: "cs-admin undrain \(node)", status: .interrupted)
    }
  }

  private static func waitUntilEmpty(
    _ start: DrainWatch, _ client: AdminClient, _ console: Console
  ) async throws {
    var watch = start
    while true {
      let verdict: DrainWatch.Verdict
      let began = ContinuousClock.now
      do throws(ProgramError) {
        let plan = try await client.get("/plan").decoded(PlanDocument.self)
        let nodes = try await client.get("/nodes").decoded(NodesDocument.self).nodes
        verdict = watch.look(plan, nodes, at: .now)
      } catch {
        verdict = watch.fail(error, began: began, at: .now)
      }
      switch verdict {
      case .goesOn(let line): if let line { console.info(line) }
      case .isDrained: return
      case .ends(let error): throw error
      }
      try await Task.sleep(for: .milliseconds(300))
    }
  }
}

/// `cs-admin undrain`: lets a node have shards again.
struct UndrainCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "undrain",
    abstract: "Lets a drained node have shards again.",
    discussion: """
      EXAMPLES
        cs-admin undrain cart-2

      EXIT STATUS
        0 noted   5 no such node   2 wrong argument   3 the coordinator does not answer
      """)

  @Argument(help: "The node's name.") var node: String
  @OptionGroup var options: ClusterOptions

  func validate() throws {
    guard NodeID(node) != nil else { throw ValidationError("'\(node)' is no legal node name") }
  }

  func run() async throws { try await options.change("/undrain/\(node)") }
}
