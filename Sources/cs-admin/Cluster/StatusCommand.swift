import ArgumentParser
import CloudstateModel
import CommandLineKit

/// `cs-admin status`: how the cluster is, in one line and as exit status.
struct StatusCommand: AsyncParsableCommand {
  static let name = "status"
  /// Also of a wrong argument: 2 says that the cluster is down, and nothing else.
  static let unknownCode = ExitStatus.unreachable.rawValue

  static let configuration = CommandConfiguration(
    commandName: name,
    abstract: "Tells in one line how the cluster is.",
    discussion: """
      EXAMPLES
        cs-admin status
            OK: 3 of 3 nodes alive, 64 shards, plan 12

        cs-admin status -q > /dev/null || page-somebody
        cs-admin status -o json | jq -r '.reasons[]'

      EXIT STATUS
        0 OK         every shard is served, with as many copies as its service wants
        1 DEGRADED   every shard has a primary, and yet something needs attention or time
        2 DOWN       commands of some shards, or of all, fail
        3            unknown: the coordinator does not answer, or an argument is wrong
        (as monitoring plugins have it: OK, warning, critical, unknown; 2 never means a wrong argument here)
      """)

  @OptionGroup var options: ClusterOptions

  func run() async throws {
    let answer = try await options.client().get("/status")
    let status = try answer.decoded(StatusDocument.self)
    try options.print(answer) { status.text }
    switch status.state {
    case .ok: return
    case .degraded: throw ExitCode(1)
    case .down: throw ExitCode(2)
    }
  }
}

extension StatusDocument {
  fileprivate var text: String {
    guard reasons.isEmpty else { return "\(state.rawValue): \(reasons.joined(separator: "; "))" }
    let moving = moves > 0 ? ", \(moves) moving" : ""
    return
      "\(state.rawValue): \(aliveNodes) of \(nodes) nodes alive, \(shards) shards\(moving), plan \(plan)"
  }
}
